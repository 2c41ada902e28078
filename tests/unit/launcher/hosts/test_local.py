"""This machine as a host: scripts, streams and dials without SSH."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from launcher.hosts import Completed, HostError, LocalHost
from tests.hostile import HOSTILE

HOST = LocalHost("here")


def test_words_arrive_as_they_are() -> None:
    assert HOST.run('printf "%s\\0" "$@"', *HOSTILE).out.split("\0")[:-1] == list(HOSTILE)


def test_exit_code_and_both_outputs() -> None:
    assert HOST.run("cat; echo err >&2; exit 7", stdin=b"in") == Completed(7, "in", "err\n")


def test_input_and_output_may_be_files() -> None:
    data = os.urandom(3_000_000)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out:
        source.write(data)
        source.seek(0)
        assert HOST.run("cat", stdin=source, out=out) == Completed(0, "", "")
        out.seek(0)
        assert out.read() == data


def test_much_goes_both_ways_and_on_standard_error() -> None:
    done = HOST.run("head -c 3000000 /dev/zero >&2; cat", stdin=bytes(3_000_000))
    assert (len(done.out), len(done.err)) == (3_000_000, 3_000_000)


def test_what_takes_too_long_is_ended_with_all_that_it_started(until, tmp_path) -> None:
    with pytest.raises(HostError, match=r"^host here: no answer within 0\.3 s$"):
        HOST.run(f"sleep 600 & echo $! >{tmp_path}/pid; wait", timeout=0.3)
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def test_a_shell_that_cannot_be_started_is_told(monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(HostError, match="host here: no shell can be started: Resource temporarily"):
        HOST.run(":")


def test_a_stream_is_read_to_its_end() -> None:
    stream = HOST.stream("echo all")
    assert (stream.read(), stream.read()) == (b"all\n", b"")
    stream.close()


def test_a_dial_carries_anything_both_ways() -> None:
    dial = HOST.dial('echo "$1"; exec cat', "a  b")
    dial.socket.sendall(b"\xff\x00")
    heard = b""
    while len(heard) < 7:
        heard += dial.socket.recv(100)
    assert heard == b"a  b\n\xff\x00"
    dial.close()


def test_a_dial_that_ends_early_has_a_verdict() -> None:
    dial = HOST.dial("echo no >&2; exit 7")
    assert dial.socket.recv(1) == b""
    assert dial.verdict() == Completed(7, "", "no\n")
    dial.close()


def test_a_dial_that_is_silent_is_given_up() -> None:
    dial = HOST.dial("exec sleep 600", timeout=0.2)
    with pytest.raises(TimeoutError):
        dial.socket.recv(1)
    dial.close()
