"""What the findings of all ranks come to."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from launcher.smoke.findings import Findings, PairTimes, Times
from launcher.smoke.report import bus_factor, percentile, report, suspect

HOSTS = {0: "h1", 1: "h1", 2: "h2", 3: "h2"}


def measured(*, hosts=HOSTS, slow=lambda one, other: False, phase="done") -> dict[int, Findings]:
    """Findings of ranks whose pairs take 1 ms within hosts, 2 ms across, and 40 times that where slow."""
    found = {}
    for rank in hosts:
        pairs = []
        for other in hosts:
            if rank < other:
                usual = 0.001 if hosts[rank] == hosts[other] else 0.002
                seconds = usual * (40 if slow(rank, other) else 1)
                pairs.append(PairTimes((rank, other), 1024, (seconds, seconds * 3, seconds / 2)))
        sizes = (Times(8, (0.001, 0.002, 0.004)), Times(1024, (0.002, 0.002 + rank / 1000)))
        found[rank] = Findings(phase=phase, sizes=sizes, pairs=tuple(pairs))
    return found


def test_an_all_reduce_is_over_when_the_last_rank_has_its_sum():
    made = report(measured(), HOSTS)
    assert [(row.bytes, row.repetitions) for row in made.sizes] == [(8, 3), (1024, 2)]
    assert made.sizes[0].median == 0.002 and made.sizes[0].p99 == 0.004
    assert made.sizes[1].median == pytest.approx(0.0035) and made.sizes[1].p99 == pytest.approx(0.005)


def test_bandwidths_are_those_of_the_tests_of_nccl():
    row = report(measured(), HOSTS).sizes[1]
    assert row.algbw == pytest.approx(1024 / 0.0035)
    assert row.busbw == pytest.approx(row.algbw * 2 * 3 / 4)
    assert (bus_factor(2), bus_factor(8)) == (1.0, 1.75)


@pytest.mark.parametrize(
    "count, percent, expected", [(1, 99, 1), (50, 99, 50), (100, 99, 99), (200, 99, 198), (4, 50, 2)]
)
def test_percentile_is_a_value_that_was_measured(count, percent, expected):
    assert percentile(range(count, 0, -1), percent) == expected


def test_a_size_that_one_rank_lacks_is_no_row():
    found = measured()
    found[3] = Findings(phase="sizes", sizes=found[3].sizes[:1])
    made = report(found, HOSTS)
    assert [row.bytes for row in made.sizes] == [8]
    assert not made.is_complete


def test_the_slowest_pair_is_first_and_compared_with_its_kind():
    made = report(measured(slow=lambda *pair: pair == (1, 2)), HOSTS)
    slowest = made.pairs[0]
    assert (slowest.ranks, slowest.hosts, slowest.is_across) == ((1, 2), ("h1", "h2"), True)
    assert slowest.seconds == pytest.approx(0.08)
    assert made.times_median(slowest) == pytest.approx(40)
    assert made.median_of_pairs(across=False) == pytest.approx(0.001)
    assert len(made.pairs) == 6


def test_pairs_of_one_host_have_no_median_across():
    made = report(measured(hosts=dict.fromkeys(range(4), "h1")), dict.fromkeys(range(4), "h1"))
    assert made.median_of_pairs(across=True) is None


THREE = {0: "h1", 1: "h1", 2: "h2", 3: "h2", 4: "h3", 5: "h3"}


def test_a_host_whose_pairs_are_all_slow_is_the_suspect():
    slow = lambda one, other: THREE[one] != THREE[other] and "h3" in (THREE[one], THREE[other])  # noqa: E731
    found = report(measured(hosts=THREE, slow=slow), THREE).suspect
    assert found is not None
    assert (found.host, found.rank, found.times) == ("h3", None, pytest.approx(40))


def test_a_rank_whose_pairs_are_all_slow_is_the_suspect():
    hosts = {rank: f"h{rank // 3}" for rank in range(6)}
    slow = lambda one, other: 4 in (one, other) and hosts[one] != hosts[other]  # noqa: E731
    found = report(measured(hosts=hosts, slow=slow), hosts).suspect
    assert found is not None
    assert (found.host, found.rank, found.times) == ("h1", 4, pytest.approx(40))


def test_a_rank_of_one_host_too():
    here = dict.fromkeys(range(8), "h1")
    found = report(measured(hosts=here, slow=lambda one, other: 5 in (one, other)), here).suspect
    assert found is not None
    assert (found.host, found.rank) == ("h1", 5)


@pytest.mark.parametrize(
    "slow",
    [
        lambda one, other: False,
        lambda one, other: HOSTS[one] != HOSTS[other],
        lambda one, other: (one, other) == (1, 2),
    ],
    ids=["none", "every pair across hosts", "one pair"],
)
def test_where_nobody_stands_out_nobody_is_suspected(slow):
    assert report(measured(slow=slow), HOSTS).suspect is None


def test_the_slowest_of_three_pairs_are_no_evidence():
    here = dict.fromkeys(range(3), "h1")
    assert report(measured(hosts=here, slow=lambda one, other: 1 in (one, other)), here).suspect is None


def test_no_pairs_no_suspect():
    assert suspect([]) is None


def test_ranks_that_did_not_come_are_those_that_others_waited_for():
    phases = ["join", "join", "scheduler", ""]
    made = report({rank: Findings(phase=phase) for rank, phase in enumerate(phases)}, HOSTS)
    assert made.missed == (2, 3)
    assert not made.is_complete and made.sizes == () and made.pairs == ()


def test_where_no_rank_waited_none_was_missed():
    made = report({rank: Findings(phase="import") for rank in HOSTS}, HOSTS)
    assert made.missed == ()


def test_json_says_all_of_it():
    found = measured(slow=lambda *pair: pair == (0, 3))
    found[0] = Findings(phase="done", sizes=found[0].sizes, left_out=(2**20,), pairs=found[0].pairs)
    made = json.loads(json.dumps(report(found, HOSTS).to_json()))
    assert made["schema"] == 1 and made["ranks"] == 4
    assert made["sizes"][0] == {
        "bytes": 8,
        "repetitions": 3,
        "median": 0.002,
        "p99": 0.004,
        "algbw": 4000.0,
        "busbw": 6000.0,
    }
    assert made["slowest_pair"]["ranks"] == [0, 3] and made["slowest_pair"]["times_median"] == pytest.approx(
        40
    )
    assert sorted(map(tuple, (pair["ranks"] for pair in made["pairs"]))) == list(combinations(range(4), 2))
    assert made["came"][2] == {"rank": 2, "host": "h2", "phase": "done"}
    assert (made["left_out"], made["suspect"]) == ([2**20], None)
    assert report({0: Findings(), 1: Findings()}, {0: "a", 1: "b"}).to_json()["slowest_pair"] is None
