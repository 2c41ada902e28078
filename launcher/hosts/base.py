"""The first of two seams: a host, on which shell scripts run and files are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from launcher.errors import LauncherError, LostContact


@dataclass(frozen=True, slots=True)
class Completed:
    """What a script left: its exit code and what it said."""

    code: int
    out: str
    err: str


class HostError(LostContact):
    """A host could not be reached or did not answer in time; what it did is not known."""


class RemoteError(LauncherError):
    """A host refused: a script of the launcher failed there, or a file could not be written."""


class Stream(Protocol):
    """Output of a script that goes on; `fileno` is for a selector. `read` raises HostError."""

    def fileno(self) -> int:
        """Readable when there is output, or the script has ended."""

    def read(self) -> bytes:
        """What has come, at most 64 KiB; empty at the end."""

    def close(self) -> None:
        """Stop listening; the script ends at its next output."""


class Host(Protocol):
    """One machine. Every method raises HostError when contact is lost."""

    @property
    def label(self) -> str:
        """The name that people see."""

    def run(
        self,
        script: str,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        out: BinaryIO | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        """Run a POSIX shell script with positional parameters; `out` gets its output instead of the result.

        Seconds in `timeout` bound the whole call.
        """

    def stream(self, script: str, *words: str) -> Stream:
        """Start a script whose output is read as it comes."""

    def put(self, files: Mapping[str, bytes], *, mode: int = 0o644) -> None:
        """Write files (absolute path to content), each by rename; makes directories. Raises RemoteError."""

    def close(self) -> None:
        """End the connection."""
