"""Follows a run by its events and the lines of rank 0; the run does not notice whether anybody does."""

from __future__ import annotations

import time

from launcher.cli.narrator import Narrator
from launcher.cli.output import print_json, say
from launcher.cli.summary import print_result
from launcher.errors import ExitCode, LostContact
from launcher.hosts import HostError
from launcher.logs.sources import find_sources, load_plan
from launcher.logs.tail import LogTail
from launcher.run.events import Event, read_events
from launcher.run.rundir import RunDir
from launcher.smoke.findings import is_smoke
from launcher.status.survey import read_stored, state_now

_TICK = 0.1
_START = 30.0
"""Seconds for a supervisor to show itself."""
_GONE = 2.0
"""Seconds that a supervisor may be gone before its hosts are asked."""
_PAUSE = 10.0
"""Seconds before a host that did not answer is asked for its lines again."""
_SPOKESMAN = "0"


def follow(directory: RunDir, *, json: bool = False, quiet: bool = False) -> int:
    """Show a run until it ends, then its result; returns its exit code, or 130 on Ctrl-C, which ends nothing.

    Raises LostContact when the supervisor is gone without an end.
    """
    code = follow_events(directory, quiet=quiet or json)
    if code == ExitCode.DETACHED:
        return code
    if json:
        print_json(directory.outcome() or {})
    elif is_smoke(directory):
        from launcher.cli.smoke_outcome import print_outcome

        print_outcome(directory, code)
    elif directory.result.exists():
        print_result(directory)
    return code


def follow_events(directory: RunDir, *, quiet: bool = False) -> int:
    """The same without the result: progress alone."""
    try:
        return _Follower(directory, quiet=quiet).until_end()
    except KeyboardInterrupt:
        name = directory.run_id
        say(f"\ndetached: the job goes on. launcher attach {name} | launcher cancel {name}")
        return int(ExitCode.DETACHED)


def _end_on_hosts(directory: RunDir) -> int:
    """Exit code of a run that has no supervisor here. Raises LostContact where its hosts know of no end."""
    name = directory.run_id
    code = state_now(read_stored(directory)).exit_code
    if code is None:
        raise LostContact(
            f"no supervisor of {name} lives here; its ranks may still run",
            hint=f"launcher attach {name} takes the run over, launcher cancel {name} ends it",
        )
    say(f"run {name} ended with {code}, as its hosts say; its result is not here")
    say(f"  next: launcher attach {name}")
    return code


class _Follower:
    """Reads events, and between two of them what rank 0 says."""

    def __init__(self, directory: RunDir, *, quiet: bool) -> None:
        self._directory = directory
        self._quiet = quiet
        self._narrator = Narrator()
        self._tail: LogTail | None = None
        self._not_before = 0.0
        self._error: Event | None = None
        """The last one."""

    def until_end(self) -> int:
        """Exit code of the run."""
        offset, began = 0, time.monotonic()
        try:
            while True:
                supervised = (
                    self._directory.is_supervised()
                )  # first: what it wrote before it went is read below
                events, offset = read_events(self._directory.events, offset)
                for event in events:
                    self._say_rest(event["event"])
                    for line in self._narrator.tell(event):
                        self._say(line)
                    self._error = event if event["event"] == "error" else self._error
                if not supervised:
                    if self._narrator.end is not None:
                        self._say_why_unknown()
                        return self._narrator.end
                    if (code := self._directory.exit_code()) is not None:  # killed after it had written that
                        return code
                    if time.monotonic() - began > (_GONE if self._narrator.has_begun else _START):
                        return _end_on_hosts(self._directory)
                self._say_lines()
        finally:
            self._hang_up()

    def _say_lines(self) -> None:
        """Lines of rank 0 while an attempt is watched; else only time passes."""
        if self._quiet or self._narrator.attempt is None:
            time.sleep(_TICK)
            return
        if self._tail is None:
            self._tail = self._find_tail(self._narrator.attempt)
            return
        for _, line in self._tail.poll(_TICK):
            self._say(f"{'':11}[{_SPOKESMAN}] {line}")
        if self._tail.is_done:
            time.sleep(_TICK)

    def _find_tail(self, attempt: int) -> LogTail | None:
        """None where the host does not answer: the supervisor, who is patient, decides what that means."""
        if time.monotonic() < self._not_before:
            time.sleep(_TICK)
            return None
        try:
            sources, _ = find_sources(self._directory, load_plan(self._directory, attempt), [_SPOKESMAN])
        except HostError as error:
            self._say(f"no lines of rank {_SPOKESMAN}: {error}; trying again, the run goes on")
            self._not_before = time.monotonic() + _PAUSE
            return None
        return LogTail(sources)

    def _say_why_unknown(self) -> None:
        """To whom has seen no progress, where no result tells."""
        if self._quiet and self._error is not None and not self._directory.result.exists():
            for line in self._narrator.texts(self._error):
                say(line)

    def _say_rest(self, kind: str) -> None:
        """When an attempt is over, what rank 0 said last."""
        if self._tail is not None and kind == "phase":
            for _, line in [*self._tail.poll(_TICK), *self._tail.finish()]:
                self._say(f"{'':11}[{_SPOKESMAN}] {line}")
            self._hang_up()

    def _hang_up(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _say(self, line: str) -> None:
        if not self._quiet:
            say(line)
