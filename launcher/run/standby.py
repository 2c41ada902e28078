"""The process that supervises a run: forked before the command opens anything, told later which run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from launcher.errors import LauncherError, UsageError
from launcher.run.rundir import RunDir

_LOOK = 0.02


class Standby:
    """A process that waits for a run to supervise, and outlives the command.

    A fork, since most of the CPU of a start are imports: they are shared, or go on beside the command's own
    work. Entered before there are threads, connections or open files, of which a fork would keep halves.
    Where the command ends without a run, this process ends, too.
    """

    def __enter__(self) -> Standby:
        reader, writer = os.pipe()
        self._writer: int | None = writer
        self._pid = os.fork()
        if self._pid == 0:
            _wait_and_supervise(reader)
        os.close(reader)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            os.close(self._writer)
            os.kill(self._pid, signal.SIGKILL)  # it has done nothing yet but import
            os.waitpid(self._pid, 0)

    def take(self, directory: RunDir) -> None:
        """Supervise a run; returns when the process has it.

        Raises UsageError where another one has it already, LauncherError where the process does not come up.
        """
        if directory.is_supervised():
            raise UsageError(f"run {directory.run_id} has a supervisor already")
        said = _size(directory.events)
        writer, self._writer = self._writer, None
        assert writer is not None, "one process supervises one run"
        with open(writer, "wb") as pipe:
            pipe.write(os.fsencode(directory.path.absolute()))
        while not directory.is_supervised():
            ended, _ = os.waitpid(self._pid, os.WNOHANG)
            if ended:
                _refuse_silence(directory, said)
                return
            time.sleep(_LOOK)


def _refuse_silence(directory: RunDir, said: int) -> None:
    """A supervisor that has ended already has said something, or another one has done all there was."""
    if _size(directory.events) == said and not directory.result.exists() and not directory.is_supervised():
        raise LauncherError(
            f"the supervisor of {directory.run_id} does not start", hint=f"see {directory.supervisor_log}"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _wait_and_supervise(reader: int) -> NoReturn:
    """What the forked process does; nothing of the command's is left to it but the pipe."""
    code = 1
    try:
        os.setsid()
        _become(reader, os.open(os.devnull, os.O_RDWR))
        code = _supervise_what_comes()
    except BaseException:  # noqa: BLE001  the bottom of the process: nothing below would say it
        with suppress(OSError):  # its log may be on a full disk
            traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _become(reader: int, nothing: int) -> None:
    """The pipe is standard input; the command's files and the caller's are closed."""
    for target, source in enumerate((reader, nothing, nothing)):
        os.dup2(source, target)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # the one that has listed them
                os.close(int(name))


def _supervise_what_comes() -> int:
    from launcher.run.supervisor import supervise  # while the command is still reading its files

    with open(0, "rb", closefd=False) as pipe:
        path = os.fsdecode(pipe.read())
    if not path:
        return 0
    directory = RunDir(Path(path))
    os.chdir(path)  # not among the user's files
    _say_into(directory.supervisor_log)
    _enter_scope(directory.run_id)
    return int(supervise(directory))


def _say_into(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for target, source in enumerate((nothing, file, file)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(file)


def _enter_scope(run_id: str) -> None:
    """With systemd a scope of its own, so that the end of the login session does not end the supervisor.

    As `systemd-run --user --scope --collect` does, for a process that is there already:
    StartTransientUnit of org.freedesktop.systemd1(5). Where it fails, its reason is in the log, and the
    session that the process has must do.
    """
    bus = Path(os.environ.get("XDG_RUNTIME_DIR", "/run/user/none")) / "bus"
    if not (shutil.which("busctl") and bus.exists()):
        return
    manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    unit = [f"launcher-{run_id}-{os.getpid()}.scope", "fail"]
    properties = ["2", "PIDs", "au", "1", str(os.getpid()), "CollectMode", "s", "inactive-or-failed"]
    words = [*manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", *unit, *properties, "0"]
    subprocess.run(["busctl", "--user", "--quiet", "--timeout=5", "call", *words], check=False)
