"""Logs of a run as they are written, over all its attempts, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from launcher.logs.order import last_of_each
from launcher.logs.sources import find_what_answers, has_ended, is_over, load_plan
from launcher.logs.tail import Line, LogTail
from launcher.logs.view import Account, View
from launcher.plan.model import Plan
from launcher.run.rundir import RunDir

_TICK = 0.25
_QUIET = 1.0
"""Seconds without a line after which an attempt that is over has nothing more to say."""
_UNWATCHED = 5.0
"""Seconds without a supervisor, after all ranks have ended, until no end of the run is awaited any more."""


@dataclass(slots=True)
class Follower:
    """Follows what `choose` picks of each attempt; `tell` gets what is not a line of a log."""

    directory: RunDir
    choose: Callable[[Plan], Sequence[str]]
    view: View
    account: Account
    tell: Callable[[str], None]

    def lines(self) -> Iterator[tuple[Plan, list[Line]]]:
        """What comes, by attempt; ends with the run. HostError: none of its hosts is reached."""
        view, shown = self.view, 0
        while (number := self._next_attempt(shown)) is not None:
            plan = load_plan(self.directory, number)
            for lines in self._attempt(plan, view):
                yield plan, [line for line in lines if view.shows(line)]
            view, shown = replace(view, since=None, lines=None), number
        if not shown:
            self.tell(f"run {self.directory.run_id} has not started its ranks")

    def _next_attempt(self, shown: int) -> int | None:
        """Wait for an attempt after this one: at first the newest. None when there will be none."""
        unwatched_since: float | None = None
        while True:
            newer = [number for number in self.directory.attempts() if number > shown]
            if newer:
                return newer[0] if shown else newer[-1]
            if has_ended(self.directory):
                return None
            if self.directory.is_supervised():
                unwatched_since = None
            elif unwatched_since is None:
                unwatched_since = time.monotonic()
            elif time.monotonic() - unwatched_since > _UNWATCHED:
                self.tell(f"nobody supervises it: launcher attach {self.directory.run_id} takes it over")
                return None
            time.sleep(_TICK)

    def _attempt(self, plan: Plan, view: View) -> Iterator[list[Line]]:
        found = find_what_answers(self.directory, plan, self.choose(plan))
        if found.errors and not found.sources:
            raise found.errors[0]
        self.account.errors += found.errors
        for note in (*found.notes, *(f"error: {error}" for error in found.errors)):
            self.tell(note)
        with closing(LogTail(found.sources, view.starts(found.sources))) as tail:
            if view.lines is not None:
                yield last_of_each(filter(view.shows, self._until_level(tail)), view.lines)
            yield from self._until_done(tail, int(plan.binding.attempt))
            yield tail.finish()
            self.account.add(tail)

    def _until_level(self, tail: LogTail) -> Iterator[Line]:
        """What had been written before; a host that is not heard in time is not waited for."""
        deadline = time.monotonic() + _UNWATCHED
        while not tail.is_level and time.monotonic() < deadline:
            yield from tail.poll(_TICK)

    def _until_done(self, tail: LogTail, attempt: int) -> Iterator[list[Line]]:
        heard = time.monotonic()
        lost: set[str] = set()
        while not tail.is_done:
            lines = tail.poll(_TICK)
            if lines:
                heard = time.monotonic()
                yield lines
            elif not (tail.is_level or tail.lost()):
                heard = time.monotonic()  # not all hosts have said yet what there is
            elif is_over(self.directory, attempt) and time.monotonic() - heard > _QUIET:
                return
            for label in tail.lost().keys() - lost:
                self.tell(f"host {label}: no contact, trying again")
            lost = set(tail.lost())
