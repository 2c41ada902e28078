"""Logs of a run as a person wants to read them: chosen, filtered and in order."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TypeVar

from launcher.errors import LostContact
from launcher.logs.order import Timed, by_member, by_time, with_times
from launcher.logs.sources import collected, find_starts, find_what_answers, local_source
from launcher.logs.tail import Line, LogTail, Source
from launcher.plan.model import Plan
from launcher.plan.selection import as_ranges
from launcher.run.rundir import RunDir

Item = TypeVar("Item")
PATIENCE = 15.0
"""Seconds without contact after which reading what is there is given up."""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown. `since` is as in `find_starts`; `lines` counts from the end of each log."""

    grep: re.Pattern[str] | None = None
    since: str | None = None
    lines: int | None = None
    by_time: bool = False
    skews: Mapping[str, float] = field(default_factory=dict)
    """Seconds by which the clock of a member's host is ahead, by key."""

    def shows(self, line: Line) -> bool:
        """Whether a line passes the filter."""
        return self.grep is None or self.grep.search(line[1]) is not None

    def starts(self, sources: Sequence[Source]) -> dict[str, int]:
        """Where to begin. The last lines that match can be anywhere, and a time may stand above any line."""
        anywhere = self.grep is not None or self.by_time
        return find_starts(sources, self.since, None if anywhere else self.lines)

    def last(self, member: Iterable[Item]) -> Iterable[Item]:
        """The last lines of one member, if only those are wanted."""
        return member if self.lines is None else deque(member, maxlen=self.lines)


@dataclass(slots=True)
class Account:
    """What was found while reading, for what is said at the end."""

    silent: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    hosts: list[str] = field(default_factory=list)
    """About hosts that could not be reached, whose logs are here."""
    errors: list[LostContact] = field(default_factory=list)
    """Of hosts whose logs are not shown, or not all of them."""

    def add(self, tail: LogTail) -> None:
        """Take over what a tail has found."""
        self.gone |= tail.gone
        self.cut |= tail.cut
        self.silent |= {key for key, offset in tail.offsets.items() if not offset} - tail.gone

    def notes(self) -> Iterator[str]:
        """What is not there, said clearly."""
        yield from self.hosts
        for keys, one, several in (
            (self.silent, "has written nothing", "have written nothing"),
            (
                self.gone,
                "has no log any more, on its host or here",
                "have no logs any more, on hosts or here",
            ),
            (self.cut, "has cut its log.txt: shown again", "have cut their log.txt: shown again"),
        ):
            if keys:
                ranks = as_ranges(keys)
                yield f"rank {ranks} {one}" if len(keys) == 1 else f"ranks {ranks} {several}"


def read(directory: RunDir, plan: Plan, keys: Sequence[str], view: View, account: Account) -> Iterator[Line]:
    """All that these members have written so far, member by member or by time.

    A host that does not answer, or no more, is in the account; what others have is shown.
    """
    answers = find_what_answers(directory, plan, keys)
    account.hosts = answers.notes
    account.errors += answers.errors
    found = _member_by_member(_in_order(answers.sources, keys), view, account)
    members = by_member(chain(found, _collected_of_gone(directory, plan, view, account)))
    if view.by_time:
        yield from by_time([_timed(member, view) for member in members])
    else:
        for member in members:
            yield from view.last(line for line in member if view.shows(line))


def _timed(member: Iterable[Line], view: View) -> list[Timed]:
    return list(view.last(timed for timed in with_times(member, view.skews) if view.shows(timed[1])))


def _in_order(sources: Sequence[Source], keys: Sequence[str]) -> Iterator[Source]:
    """Each source as often as its members follow one another: the script sends them one by one."""
    source_of = {key: source for source in sources for key in source.keys}
    for source, run in groupby((key for key in keys if key in source_of), key=source_of.__getitem__):
        yield Source(source.host, source.directory, tuple(run))


def _member_by_member(sources: Iterable[Source], view: View, account: Account) -> Iterator[Line]:
    lost = set[str]()
    for source in sources:
        if source.host.label in lost:
            continue
        try:
            yield from _whole(source, view, account)
        except LostContact as error:
            account.errors.append(error)
            lost.add(source.host.label)


def _whole(source: Source, view: View, account: Account) -> Iterator[Line]:
    with closing(LogTail([source], view.starts([source]), follow=False)) as tail:
        while not tail.is_done:
            yield from tail.poll(1.0)
            _give_up_if_lost(tail)
        account.add(tail)


def _collected_of_gone(directory: RunDir, plan: Plan, view: View, account: Account) -> Iterator[Line]:
    """Logs that hosts do not have any more, as far as they are here; found when those have been read."""
    here = collected(directory, plan, sorted(account.gone))
    account.gone -= set(here)
    if here:
        yield from _member_by_member([local_source(directory, plan, here)], view, account)


def _give_up_if_lost(tail: LogTail) -> None:
    for label, seconds in tail.lost().items():
        if seconds > PATIENCE:
            raise LostContact(f"host {label}: no contact for {seconds:.0f} s; its logs are not all shown")
