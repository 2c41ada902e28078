"""This machine as a host: the same scripts, run without SSH."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from launcher.files import write_atomically
from launcher.hosts.base import Completed, HostError

_READ = 65536


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
        process = subprocess.Popen(
            ["/bin/sh", "-c", script, "launcher", *words],
            stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
            stdout=subprocess.PIPE if out is None else out,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(content, timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill_session(process)
            process.communicate()
            raise HostError(f"host {self._label}: no answer within {timeout:g} s") from None
        return Completed(process.returncode, _text(output), _text(errors))

    def stream(self, script: str, *words: str) -> LocalStream:
        process = subprocess.Popen(
            ["/bin/sh", "-c", script, "launcher", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        return LocalStream(process)

    def put(self, files: Mapping[str, bytes], *, mode: int = 0o644) -> None:
        for path, content in files.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(Path(path), content, mode=mode)

    def close(self) -> None:
        """Nothing to end."""


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """End a script and what it started, but for ranks: those have sessions of their own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
