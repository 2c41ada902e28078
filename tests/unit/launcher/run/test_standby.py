"""The forked supervisor: gone without a run, nobody's files, a scope where systemd is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from launcher.run import standby

COMMAND = """
import os, sys, time
from launcher.run.standby import Standby

with Standby() as supervisor:
    print(supervisor._pid, flush=True)
    time.sleep({seconds})
"""


@contextmanager
def begun(seconds: float, pass_fds: Sequence[int] = ()) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command that forks, and the forked process."""
    words = [sys.executable, "-c", COMMAND.format(seconds=seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, pass_fds=pass_fds) as command:
        assert command.stdout is not None
        yield command, int(command.stdout.readline())
        command.kill()


def is_gone(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_command_without_a_run_leaves_no_process():
    with begun(0) as (command, pid):
        assert command.wait(20) == 0
        assert is_gone(pid)


def test_a_killed_command_leaves_no_process():
    with begun(60) as (command, pid):
        command.send_signal(signal.SIGKILL)
        command.wait(20)
        assert is_gone(pid)


def test_files_of_the_caller_are_closed(tmp_path: Path):
    lock = tmp_path / "lock"
    with open(lock, "w", encoding="utf-8") as file, begun(60, [file.fileno()]) as (command, pid):
        deadline = time.monotonic() + 20
        while str(lock) in opened(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert str(lock) not in opened(pid)
        assert str(lock) in opened(command.pid)


def opened(pid: int) -> list[str]:
    """What a process has open; it may close files meanwhile."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


def test_with_systemd_it_enters_a_scope_of_its_own(tmp_path: Path, monkeypatch):
    tool = tmp_path / "busctl"
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/said\n')
    tool.chmod(0o755)
    (tmp_path / "bus").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    standby._enter_scope("work-20260101-0a1b2c")
    pid = os.getpid()
    assert (tmp_path / "said").read_text().split()[4:] == [
        *("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"),
        *("StartTransientUnit", "ssa(sv)a(sa(sv))", f"launcher-work-20260101-0a1b2c-{pid}.scope", "fail"),
        *("2", "PIDs", "au", "1", str(pid), "CollectMode", "s", "inactive-or-failed", "0"),
    ]


def test_without_systemd_nobody_is_asked(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda *_words, **_more: 1 / 0)
    standby._enter_scope("work-20260101-0a1b2c")


def test_a_supervisor_that_breaks_ends_though_nobody_can_be_told(monkeypatch):
    def break_down() -> int:
        os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  pytest has put its own there
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(standby, "_supervise_what_comes", break_down)
    pid = os.fork()
    if pid == 0:
        try:
            standby._wait_and_supervise(os.open(os.devnull, os.O_RDONLY))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
