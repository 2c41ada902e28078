"""Exit codes and the exceptions that carry them.

    LauncherError
    ├── UsageError      2  a command or a file is wrong (SpecError lists every problem with its place)
    ├── CheckFailed     3  a host lacks something, or a collect is partial
    ├── StartFailed     4  not all ranks could be started; what had been started is gone again
    ├── LostContact     5  the state of a run is not known; its ranks may still run
    └── DevicesHeld     6  another run holds a device

A run that ended by itself is no exception: its exit code stands in result.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the `launcher` command returns; the first cause wins."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    CHECK_FAILED = 3
    START_FAILED = 4
    LOST_CONTACT = 5
    DEVICES_HELD = 6
    DETACHED = 130
    CANCELLED = 143


class LauncherError(Exception):
    """Base of all errors that a user sees as a message instead of a traceback.

    `hint` says what to do next; it is printed on a line of its own.
    """

    exit_code = ExitCode.JOB_FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(LauncherError):
    """A command line, a name or a file that cannot be used."""

    exit_code = ExitCode.USAGE


class CheckFailed(LauncherError):
    """A host lacks something that the job needs, or not everything could be collected."""

    exit_code = ExitCode.CHECK_FAILED


class StartFailed(LauncherError):
    """Not all ranks could be started; everything has been rolled back."""

    exit_code = ExitCode.START_FAILED


class LostContact(LauncherError):
    """The state of a run is unknown."""

    exit_code = ExitCode.LOST_CONTACT


class DevicesHeld(LauncherError):
    """A device is held by another run."""

    exit_code = ExitCode.DEVICES_HELD


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file that a person wrote; line and column count from 1."""

    message: str
    source: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.source:
            return self.message
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{place}: {self.message}"


class SpecError(UsageError):
    """Everything that is wrong in the cluster and the job file, at once."""

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)
