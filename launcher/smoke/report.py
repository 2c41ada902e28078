"""What the findings of all ranks come to. Pure.

Bandwidths are those of NCCL's tests: `algbw` is the size over the time; `busbw` is that times 2(n-1)/n, what
an all-reduce over n ranks must move over each rank's link at least: it compares with the link's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from launcher.smoke.findings import Findings

SCHEMA = 1
_FACTOR = 2.0
"""Pairs with a host or rank that is to blame are at least so much slower than all others."""
_EVIDENCE = 3
"""So many pairs must be slow, and as many not: the slowest two of three always have a rank in common."""
_LAST = "done"
_MEETING = "join"
_BEFORE_MEETING = ("", "import", "scheduler")


@dataclass(frozen=True, slots=True)
class SizeRow:
    """All-reduces of one size over all ranks; times in seconds, bandwidths in bytes a second."""

    bytes: int
    repetitions: int
    median: float
    p99: float
    algbw: float
    busbw: float


@dataclass(frozen=True, slots=True)
class PairRow:
    """All-reduces of two ranks; `seconds` is the median."""

    ranks: tuple[int, int]
    hosts: tuple[str, str]
    bytes: int
    seconds: float

    @property
    def is_across(self) -> bool:
        """Whether the two ranks are on two hosts."""
        return self.hosts[0] != self.hosts[1]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A host, or one rank of it, all of whose pairs are slower than all others of their kind."""

    host: str
    rank: int | None
    times: float
    """How much: its fastest pair over the slowest of the others."""


@dataclass(frozen=True, slots=True)
class Report:
    """A smoke run. `came` says of each rank how far it came; pairs are slowest first."""

    ranks: int
    hosts: Mapping[int, str]
    sizes: tuple[SizeRow, ...]
    left_out: tuple[int, ...]
    pairs: tuple[PairRow, ...]
    suspect: Suspect | None
    came: Mapping[int, str]

    @property
    def is_complete(self) -> bool:
        """Whether every rank came to its end."""
        return all(phase == _LAST for phase in self.came.values())

    @property
    def missed(self) -> tuple[int, ...]:
        """Ranks for which others waited in vain; none where no rank waited."""
        waited = any(phase == _MEETING for phase in self.came.values())
        return tuple(rank for rank, phase in self.came.items() if phase in _BEFORE_MEETING and waited)

    def median_of_pairs(self, *, across: bool) -> float | None:
        """Seconds, of pairs within hosts or across hosts; None where there are none."""
        times = [pair.seconds for pair in self.pairs if pair.is_across is across]
        return median(times) if times else None

    def times_median(self, pair: PairRow) -> float:
        """How much slower a pair is than the median of its kind."""
        usual = self.median_of_pairs(across=pair.is_across)
        return pair.seconds / usual if usual else 1.0

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "schema": SCHEMA,
            "ranks": self.ranks,
            "sizes": [asdict(row) for row in self.sizes],
            "left_out": list(self.left_out),
            "slowest_pair": self._slowest_to_json(),
            "median_within_hosts": self.median_of_pairs(across=False),
            "median_across_hosts": self.median_of_pairs(across=True),
            "suspect": asdict(self.suspect) if self.suspect else None,
            "pairs": [asdict(pair) for pair in self.pairs],
            "came": [
                {"rank": rank, "host": self.hosts[rank], "phase": phase} for rank, phase in self.came.items()
            ],
        }

    def _slowest_to_json(self) -> dict[str, Any] | None:
        pair = next(iter(self.pairs), None)
        return asdict(pair) | {"times_median": self.times_median(pair)} if pair else None


def report(findings: Mapping[int, Findings], hosts: Mapping[int, str]) -> Report:
    """Findings and host of each rank, put together."""
    pairs = sorted(_pair_rows(findings, hosts), key=lambda pair: pair.seconds, reverse=True)
    return Report(
        ranks=len(hosts),
        hosts=hosts,
        sizes=tuple(_size_rows(findings)),
        left_out=next((each.left_out for each in findings.values() if each.left_out), ()),
        pairs=tuple(pairs),
        suspect=suspect(pairs),
        came={rank: each.phase for rank, each in findings.items()},
    )


def _size_rows(findings: Mapping[int, Findings]) -> Iterator[SizeRow]:
    """Sizes that every rank has measured. An all-reduce is over when the last rank has its sum."""
    by_rank = [{each.bytes: each.times for each in found.sizes} for found in findings.values()]
    for size in by_rank[0]:
        if all(size in sizes for sizes in by_rank):
            times = [max(each) for each in zip(*(sizes[size] for sizes in by_rank), strict=True)]
            usual = median(times)
            bandwidth = size / usual
            busbw = bandwidth * bus_factor(len(by_rank))
            yield SizeRow(size, len(times), usual, percentile(times, 99), bandwidth, busbw)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of all values do not exceed: of few values the greatest."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def bus_factor(ranks: int) -> float:
    """What `algbw` of an all-reduce is multiplied with to give `busbw`."""
    return 2 * (ranks - 1) / ranks


def _pair_rows(findings: Mapping[int, Findings], hosts: Mapping[int, str]) -> Iterator[PairRow]:
    for found in findings.values():
        for pair in found.pairs:
            one, other = pair.ranks
            yield PairRow(pair.ranks, (hosts[one], hosts[other]), pair.bytes, median(pair.times))


def suspect(pairs: Sequence[PairRow]) -> Suspect | None:
    """The host, or else the rank, all of whose pairs are at least twice as slow as all others.

    Looked for among pairs across hosts, then within hosts.
    """
    across = [pair for pair in pairs if pair.is_across]
    within = [pair for pair in pairs if not pair.is_across]
    for name in dict.fromkeys(host for pair in across for host in pair.hosts):
        if times := _how_much_slower(across, [name in pair.hosts for pair in across]):
            return Suspect(name, None, times)
    for kind in (across, within):
        homes = {rank: host for pair in kind for rank, host in zip(pair.ranks, pair.hosts, strict=True)}
        for rank, host in homes.items():
            if times := _how_much_slower(kind, [rank in pair.ranks for pair in kind]):
                return Suspect(host, rank, times)
    return None


def _how_much_slower(pairs: Sequence[PairRow], chosen: Sequence[bool]) -> float | None:
    slow = [pair.seconds for pair, is_chosen in zip(pairs, chosen, strict=True) if is_chosen]
    others = [pair.seconds for pair, is_chosen in zip(pairs, chosen, strict=True) if not is_chosen]
    if min(len(slow), len(others)) < _EVIDENCE or min(slow) < _FACTOR * max(others):
        return None
    return min(slow) / max(others)
