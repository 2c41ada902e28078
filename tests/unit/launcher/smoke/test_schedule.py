"""Which pairs meet, and in which rounds."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.smoke.code.smoke_job.schedule import by_host, rounds_of


def hosts_of(*counts: int) -> list[list[int]]:
    """Ranks of hosts with so many each."""
    ends = [sum(counts[:index]) for index in range(len(counts) + 1)]
    return [list(range(first, last)) for first, last in pairwise(ends)]


def kinds(pairs, hosts) -> set[bool]:
    """Whether pairs are within one host."""
    return {any(set(pair) <= set(ranks) for ranks in hosts) for pair in pairs}


@given(st.lists(st.integers(1, 8), min_size=1, max_size=8).filter(lambda counts: 2 <= sum(counts) <= 16))
def test_up_to_sixteen_ranks_meet_each_with_each_once(counts):
    hosts = hosts_of(*counts)
    rounds = rounds_of(hosts)
    pairs = [pair for each in rounds for pair in each]
    assert sorted(pairs) == list(combinations(range(sum(counts)), 2))
    for each in rounds:
        ranks = [rank for pair in each for rank in pair]
        assert each and len(set(ranks)) == len(ranks)
        assert len(kinds(each, hosts)) == 1


@given(st.lists(st.integers(1, 24), min_size=1, max_size=40).filter(lambda counts: sum(counts) > 16))
def test_of_more_ranks_each_has_few_pairs_and_still_meets_others(counts):
    hosts = hosts_of(*counts)
    rounds = rounds_of(hosts)
    pairs = [pair for each in rounds for pair in each]
    assert len(set(pairs)) == len(pairs) and len(rounds) <= 31
    for each in rounds:
        ranks = [rank for pair in each for rank in pair]
        assert len(set(ranks)) == len(ranks)
    for ranks in hosts:
        if len(ranks) > 1:
            assert all(any(rank in pair and set(pair) <= set(ranks) for pair in pairs) for rank in ranks)
    if len(hosts) > 1:
        assert all(kinds([pair for pair in pairs if ranks[0] in pair], hosts) >= {False} for ranks in hosts)


@pytest.mark.parametrize(
    "counts, number", [((2, 2), 3), ((8,), 7), ((4, 4), 7), ((8, 8), 15), ((4,) * 4, 15)]
)
def test_hosts_of_equal_size_need_no_more_rounds_than_there_must_be(counts, number):
    assert len(rounds_of(hosts_of(*counts))) == number


def test_all_ranks_of_two_hosts_use_the_wire_at_once():
    within, *across = rounds_of(hosts_of(2, 2))
    assert within == [(0, 1), (2, 3)]
    assert across == [[(0, 2), (1, 3)], [(0, 3), (1, 2)]]


def test_on_big_clusters_each_npu_meets_those_of_the_same_place():
    hosts = hosts_of(*[8] * 4)
    pairs = {pair for each in rounds_of(hosts) for pair in each}
    assert {pair for pair in pairs if kinds([pair], hosts) == {False}} == {
        (8 * a + place, 8 * b + place) for a, b in combinations(range(4), 2) for place in range(8)
    }


@pytest.mark.parametrize("count", [17, 18, 64, 65])
def test_many_hosts_meet_their_neighbours(count):
    rounds = rounds_of(hosts_of(*[1] * count))
    neighbours = {tuple(sorted((rank, (rank + 1) % count))) for rank in range(count)}
    assert {pair for each in rounds for pair in each} == neighbours
    assert len(rounds) == 2 + count % 2


def test_hosts_are_told_by_their_key():
    assert by_host([7, 7, 3, 3, 9]) == [[0, 1], [2, 3], [4]]
