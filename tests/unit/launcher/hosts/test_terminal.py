"""A script on a host with a person before it: keys, signals, sizes and outputs."""

from __future__ import annotations

import os
import pty
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest

from launcher.hosts import HostError, LocalHost
from tests.ssh_server import Policy


@dataclass
class Outputs:
    """What this process's own input, output and errors are for a while."""

    directory: Path
    ours: int | None = None
    theirs: list[int] = field(default_factory=list)

    def text(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a text our input, and files our outputs."""
    opened = []

    def make(text: bytes = b"") -> Outputs:
        (tmp_path / "in").write_bytes(text)
        for name, mode in (("stdin", "rb"), ("stdout", "wb"), ("stderr", "wb")):
            file = open(tmp_path / name.removeprefix("std"), mode)  # noqa: SIM115
            opened.append(file)
            monkeypatch.setattr(sys, name, file)
        return Outputs(tmp_path)

    yield make
    monkeypatch.undo()
    for file in opened:
        file.close()


def test_input_and_outputs_are_our_own(host, give) -> None:
    outputs = give(b"all of it\n\xff")
    script = 'printf "%s;" "$@"; cat | od -An -tx1 | tr -d " \\n"; echo oh >&2; exit 7'
    assert host.attend(script, "a b", "$c", terminal=False) == 7
    assert outputs.text("out") == f"a b;$c;{b'all of it'.hex()}0aff"
    assert outputs.text("err") == "oh\n"


def test_much_is_handed_on_whole(host, give, tmp_path) -> None:
    data = os.urandom(300_000)
    give(data)
    assert host.attend("cat; head -c 300000 /dev/zero >&2", terminal=False) == 0
    assert (tmp_path / "out").read_bytes() == data
    assert (tmp_path / "err").read_bytes() == bytes(300_000)


def test_a_script_may_end_before_its_input(host, give) -> None:
    give(bytes(5_000_000))
    assert host.attend("exit 3", terminal=False) == 3


def test_a_script_without_an_exit_code_is_lost_contact(host, server, give) -> None:
    give()
    server.handler = lambda command, channel: None
    with pytest.raises(HostError, match="contact lost: no exit code came"):
        host.attend(":", terminal=False)


def test_on_this_machine_too(capfd) -> None:
    assert LocalHost().attend('echo "$1"; echo oh >&2; exit 7', "a  b", terminal=False) == 7
    assert capfd.readouterr() == ("a  b\n", "oh\n")


# ---- with a terminal


class Screen:
    """A terminal that is ours; `keys` is where a person types."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.keys, self.theirs = pty.openpty()
        self.shown = path / "shown"
        self.settings = termios.tcgetattr(self.theirs)
        self._output = open(self.shown, "wb")  # noqa: SIM115
        self._monkeypatch = monkeypatch

    def show(self) -> None:
        """Be this process's input and output until the test is over."""
        self._monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: self.theirs))
        self._monkeypatch.setattr(sys, "stdout", self._output)
        self._monkeypatch.setattr(sys, "stderr", self._output)
        self._monkeypatch.setenv("TERM", "xterm-256color")
        self.resize(100, 40)

    def resize(self, columns: int, lines: int) -> None:
        self._monkeypatch.setenv("COLUMNS", str(columns))
        self._monkeypatch.setenv("LINES", str(lines))

    def is_raw(self) -> bool:
        """Whether keys are handed on as they are pressed."""
        return not termios.tcgetattr(self.theirs)[3] & termios.ICANON

    def close(self) -> None:
        self._output.close()
        os.close(self.keys)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Screen]:
    made = Screen(monkeypatch, tmp_path)
    yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the server was asked about terminals, which it grants."""
    noted: list[tuple[object, ...]] = []

    def grant(kind: str):
        return lambda policy, channel, *words: noted.append((kind, *words)) or True

    monkeypatch.setattr(Policy, "check_channel_pty_request", grant("pty"))
    monkeypatch.setattr(Policy, "check_channel_window_change_request", grant("size"))
    return noted


def test_every_key_goes_to_the_host_ctrl_c_too(host, server, screen, asked, until) -> None:
    heard = bytearray()

    def answer(command: str, channel: paramiko.Channel) -> int:
        channel.sendall(b"$ ")
        until(screen.is_raw)
        os.write(screen.keys, b"ls\r\x03\x1a\x04")
        while not heard.endswith(b"\x04"):
            heard.extend(channel.recv(100))
        return 130

    server.handler = answer
    before = signal.getsignal(signal.SIGWINCH)
    screen.show()
    assert host.attend("x", terminal=True) == 130
    assert bytes(heard) == b"ls\r\x03\x1a\x04"
    assert asked[0][:4] == ("pty", b"xterm-256color", 100, 40)
    assert screen.shown.read_bytes() == b"$ "
    assert termios.tcgetattr(screen.theirs) == screen.settings
    assert signal.getsignal(signal.SIGWINCH) is before


def test_what_is_typed_before_the_host_answers_is_kept(host, server, screen, asked, monkeypatch) -> None:
    set_raw = tty.setraw

    def late(*words: object) -> None:
        time.sleep(0.2)  # whoever reads already has the keys by then
        os.write(screen.keys, b"exit 3\n")
        set_raw(*words)

    monkeypatch.setattr(tty, "setraw", late)
    server.handler = lambda command, channel: int(channel.recv(100) != b"exit 3\n")
    screen.show()
    assert host.attend("x", terminal=True) == 0


def test_the_size_of_the_terminal_is_followed(host, server, screen, asked, until, monkeypatch) -> None:
    changed = threading.Event()
    monkeypatch.setattr(
        Policy,
        "check_channel_window_change_request",
        lambda policy, channel, *words: asked.append(("size", *words)) or changed.set() or True,
    )

    def answer(command: str, channel: paramiko.Channel) -> int:
        until(screen.is_raw)
        screen.resize(80, 24)
        os.kill(os.getpid(), signal.SIGWINCH)
        assert changed.wait(60)
        return 0

    server.handler = answer
    screen.show()
    assert host.attend("x", terminal=True) == 0
    assert asked[-1][:3] == ("size", 80, 24)


def test_the_terminal_is_ours_again_when_contact_is_lost(host, server, screen, asked) -> None:
    server.handler = lambda command, channel: server.drop()
    screen.show()
    with pytest.raises(HostError, match="contact lost: no exit code came"):
        host.attend("x", terminal=True)
    assert termios.tcgetattr(screen.theirs) == screen.settings
