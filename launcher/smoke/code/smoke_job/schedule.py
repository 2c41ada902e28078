"""Which pairs of ranks are measured, and when: pure functions."""

from __future__ import annotations

from collections.abc import Sequence

Pair = tuple[int, int]
Round = list[Pair]
"""Disjoint pairs, which are measured at the same time."""

SMALL_GROUP = 16
"""So many ranks, or hosts, are paired each with each; more of them only with their neighbours."""


def rounds_of(hosts: Sequence[Sequence[int]]) -> list[Round]:
    """Rounds of disjoint pairs of ranks, from the ranks of each host.

    A round has either pairs within hosts or pairs across hosts, so that all pairs of a kind share the wires
    with as many others. Up to 16 ranks meet each with each. Of more, those of one host meet each other, and
    across hosts those of the same place on their host; of more than 16 ranks on a host, or of more than 16
    hosts, only neighbours meet.
    """
    every_pair = sum(map(len, hosts)) <= SMALL_GROUP
    inside = _side_by_side([[_named(each, ranks) for each in _meetings(len(ranks))] for ranks in hosts])
    across = []
    for meeting in _meetings(len(hosts)):
        across += _side_by_side([_between(hosts[a], hosts[b], every_pair) for a, b in meeting])
    return [each for each in inside + across if each]


def _meetings(count: int) -> list[Round]:
    """Each with each, or each with its two neighbours where they are many."""
    return _each_with_each(count) if count <= SMALL_GROUP else _ring(count)


def _each_with_each(count: int) -> list[Round]:
    """The circle method: one stays, the others move on by one place a round; of an odd number one rests."""
    places = list(range(count + count % 2))
    rounds = []
    for _ in range(len(places) - 1):
        facing = zip(places[: len(places) // 2], reversed(places))
        rounds.append([(min(pair), max(pair)) for pair in facing if max(pair) < count])
        places = [places[0], places[-1], *places[1:-1]]
    return rounds


def _ring(count: int) -> list[Round]:
    edges = [(place, place + 1) for place in range(count - 1)]
    closing = (0, count - 1)
    even, odd = edges[::2], edges[1::2]
    return [even, [*odd, closing]] if count % 2 == 0 else [even, odd, [closing]]


def _between(one: Sequence[int], other: Sequence[int], every_pair: bool) -> list[Round]:
    """Pairs of two hosts: in each round the ranks of the smaller one face others of the larger one."""
    few, many = sorted((one, other), key=len)
    shifts = range(len(many)) if every_pair else range(1)
    return [
        [_ordered(rank, many[(place + shift) % len(many)]) for place, rank in enumerate(few)]
        for shift in shifts
    ]


def _side_by_side(schedules: Sequence[list[Round]]) -> list[Round]:
    """The first rounds of all schedules as one round, then the second ones."""
    longest = max(map(len, schedules), default=0)
    return [
        [pair for schedule in schedules if turn < len(schedule) for pair in schedule[turn]]
        for turn in range(longest)
    ]


def _named(meeting: Round, ranks: Sequence[int]) -> Round:
    return [_ordered(ranks[a], ranks[b]) for a, b in meeting]


def _ordered(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def by_host(keys: Sequence[int]) -> list[list[int]]:
    """Ranks with the same key together, hosts in order of their first rank."""
    hosts: dict[int, list[int]] = {}
    for rank, key in enumerate(keys):
        hosts.setdefault(key, []).append(rank)
    return list(hosts.values())
