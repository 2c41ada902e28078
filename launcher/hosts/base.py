"""The first of two seams: a host, on which shell scripts run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from launcher.errors import LauncherError, LostContact

CHANNELS = 4
"""Open at once on one connection; sshd refuses the eleventh (MaxSessions)."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a script left: its exit code and what it said."""

    code: int
    out: str
    err: str
    greeting: str = ""
    """What the login shell printed before the script began."""


class HostError(LostContact):
    """A host could not be reached or did not answer in time; what it did is not known."""


class DockerSilent(HostError):
    """Docker on a host did not answer in time, or hung up; the host itself may be well."""


class RemoteError(LauncherError):
    """A host refused: a script of the launcher, or Docker, failed there."""


class Stream(Protocol):
    """Output of a script that goes on; `fileno` is for a selector. `read` raises HostError."""

    def fileno(self) -> int:
        """Readable when there is output, or the script has ended."""

    def read(self) -> bytes:
        """What has come, at most 64 KiB; empty at the end."""

    def close(self) -> None:
        """Stop listening; the script ends at its next output."""


class Dial(Protocol):
    """A script whose input and output carry somebody else's protocol."""

    @property
    def socket(self) -> Any:
        """What is used like a connected socket: a socket, or paramiko's channel."""

    def verdict(self) -> Completed:
        """What the script said when it ended before its time. Raises HostError where contact is lost."""

    def close(self) -> None:
        """End the script."""


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

        Seconds in `timeout` bound the whole call. Raises RemoteError where a login shell runs no script.
        """

    def stream(self, script: str, *words: str) -> Stream:
        """Start a script whose output is read as it comes."""

    def dial(self, script: str, *words: str, timeout: float = 60.0) -> Dial:
        """Start a script and talk to it; seconds in `timeout` bound each word of it."""

    def attend(self, script: str, *words: str, terminal: bool) -> int:
        """Run a script with this process's own input and output, on a terminal or not; its exit code."""

    def sessions(self) -> int | None:
        """How many channels can be open at once, CHANNELS at most; None where nothing limits them."""

    def close(self) -> None:
        """End the connection."""
