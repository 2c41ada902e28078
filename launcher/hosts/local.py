"""This machine as a host: the same scripts, run without SSH."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, BinaryIO

from launcher.hosts.base import Completed, HostError

_READ = 65536
_LAST_WORDS = 3.0


class LocalStream:
    """Output of a local script."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self._output = process.stdout

    def fileno(self) -> int:
        return self._output.fileno()

    def read(self) -> bytes:
        return os.read(self._output.fileno(), _READ)

    def close(self) -> None:
        _kill_session(self._process)
        self._output.close()
        self._process.wait()


class LocalDial:
    """A local script at the other end of a socket."""

    def __init__(self, label: str, process: subprocess.Popen[bytes], ours: socket.socket) -> None:
        self._label = label
        self._process = process
        self.socket = ours

    def verdict(self) -> Completed:
        try:
            _, errors = self._process.communicate(timeout=_LAST_WORDS)
        except subprocess.TimeoutExpired:
            raise HostError(f"host {self._label}: it fell silent") from None
        return Completed(self._process.returncode, "", _text(errors))

    def close(self) -> None:
        self.socket.close()
        _kill_session(self._process)
        _close(self._process.stderr)
        self._process.wait()


class LocalHost:
    """This machine."""

    def __init__(self, label: str = "localhost") -> None:
        self._label = label

    @property
    def label(self) -> str:
        return self._label

    def run(
        self,
        script: str,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        out: BinaryIO | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        content = stdin if isinstance(stdin, bytes) else None
        process = self._start(
            script, *words, stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin, out=out
        )
        try:
            output, errors = process.communicate(content, timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill_session(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                _close(pipe)  # what the script started elsewhere may hold the other end for ever
            process.wait()
            raise HostError(f"host {self._label}: no answer within {timeout:g} s") from None
        return Completed(process.returncode, _text(output), _text(errors))

    def stream(self, script: str, *words: str) -> LocalStream:
        return LocalStream(self._start(script, *words, stdin=subprocess.DEVNULL, err=None))

    def dial(self, script: str, *words: str, timeout: float = 60.0) -> LocalDial:
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        with theirs:
            process = self._start(script, *words, stdin=theirs.fileno(), out=theirs.fileno())
            return LocalDial(self._label, process, ours)

    def attend(self, script: str, *words: str, terminal: bool) -> int:
        return subprocess.run(_command(script, words), check=False).returncode

    def _start(
        self,
        script: str,
        *words: str,
        stdin: int | BinaryIO,
        out: int | BinaryIO | None = None,
        err: int | None = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                _command(script, words),
                stdin=stdin,
                stdout=subprocess.PIPE if out is None else out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(f"host {self._label}: no shell can be started: {error}") from error

    def sessions(self) -> None:
        """Nothing limits them."""

    def close(self) -> None:
        """Nothing to end."""


def _command(script: str, words: Sequence[str]) -> list[str | bytes]:
    """Our own text is UTF-8 whatever the locale says."""
    return ["/bin/sh", "-c", script.encode("utf-8"), "launcher", *words]


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """End a script and what it started, but for ranks: those have sessions of their own.

    A script that has ended and was not waited for still keeps the number of its group from others.
    """
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)


def _close(pipe: IO[bytes] | None) -> None:
    """Close our end; input that the script no longer takes is let go."""
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
