"""`launcher smoke` on two hosts with two containers each: sums, times, pairs, and ranks that do not meet."""

from __future__ import annotations

import json

import pytest

from launcher.errors import ExitCode
from tests.cluster.images.golden import CPU

pytestmark = pytest.mark.mindspore
LIMIT = "20mbit"
"""A hundredth or less of what a host has: 1 MiB then takes 0.4 s at least."""


@pytest.fixture
def smoke(place):
    """Runs `launcher smoke` on all hosts of the place, two ranks each."""
    place.patience = 300.0

    def run(*words, hosts=("h1", "h2")):
        place.use(*hosts, devices="0-1")
        return place.launcher("smoke", "-c", place.cluster, "--image", CPU, *words)

    return run


def test_all_ranks_add_and_every_pair_is_measured(place, smoke):
    done = smoke("--json")
    assert done.returncode == ExitCode.OK, done.stderr
    found = json.loads(done.stdout)
    assert found["run"] == place.only_run() and found["exit_code"] == 0
    assert [row["bytes"] for row in found["sizes"]] == [8, 1024, 65536, 2**20, 2**22]
    assert all(row["p99"] >= row["median"] > 0 for row in found["sizes"])
    ranks = sorted(pair["ranks"] for pair in found["pairs"])
    assert ranks == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert {tuple(pair["hosts"]) for pair in found["pairs"]} == {("h1", "h1"), ("h1", "h2"), ("h2", "h2")}
    assert [each["phase"] for each in found["came"]] == ["done"] * 4
    place.assert_nothing_left()


@pytest.mark.full
def test_the_slowest_pair_goes_over_the_slow_wire(place, bed, smoke):
    bed.slow("h2", LIMIT)
    done = smoke("--sizes", "8,64KiB,1MiB")
    assert done.returncode == ExitCode.OK, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("slowest pair"))
    assert " on h1 and rank " in line and " on h2: " in line and "pairs across hosts" in line


@pytest.mark.full
def test_of_three_hosts_the_slow_one_is_the_suspect(bed, smoke):
    bed.up(3)
    bed.slow("h2", LIMIT)
    done = smoke("--sizes", "8,1MiB", "--json", hosts=("h1", "h2", "h3"))
    assert done.returncode == ExitCode.OK, done.stderr
    found = json.loads(done.stdout)
    assert (found["suspect"]["host"], found["suspect"]["rank"]) == ("h2", None)
    assert "h2" in found["slowest_pair"]["hosts"]


@pytest.mark.full
def test_ranks_behind_a_firewall_are_named(place, bed, smoke):
    address = bed.addresses["h2"]
    bed.exec("h1", f"iptables -A INPUT -s {address} -p tcp -j REJECT")
    try:
        done = smoke("--set", "script.parameters.patience=20")
    finally:
        bed.exec("h1", "iptables -F INPUT")
    assert done.returncode == ExitCode.JOB_FAILED, done.stdout + done.stderr
    assert "cannot reach the scheduler, which is with rank 0, at" in done.stdout
    assert "missed   ranks 2-3 on h2 did not come; the others waited" in done.stdout
    assert "came to  ranks 0-1 on h1: waiting for the others" in done.stdout
    place.assert_nothing_left()
