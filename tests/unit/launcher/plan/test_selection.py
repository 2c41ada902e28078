"""Which members `--rank` and `--host` choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import UsageError
from launcher.plan.model import Plan
from launcher.plan.selection import as_ranges, choose
from launcher.spec.scalars import parse_numbers
from tests.log_runs import make_run


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_run(tmp_path, ranks=6).begin()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (None, {"0", "1", "2", "3", "4", "5", "scheduler"}),
        ("0,3-5", {"0", "3", "4", "5"}),
        ("scheduler", {"scheduler"}),
        ("2, scheduler", {"2", "scheduler"}),
    ],
)
def test_ranks(plan: Plan, text: str | None, keys: set[str]) -> None:
    chosen = choose(plan, text)
    assert set(chosen) == keys
    assert chosen == tuple(member.key for member in plan.members if member.key in keys)


def test_hosts(plan: Plan) -> None:
    assert choose(plan, "1", ["localhost"]) == ("1",)
    with pytest.raises(UsageError, match="no host elsewhere in this run") as raised:
        choose(plan, None, ["localhost", "elsewhere"])
    assert raised.value.hint == "its hosts: localhost"


def test_a_rank_that_is_on_another_host(plan: Plan) -> None:
    members = tuple(
        replace(member, host="h2" if member.key in ("3", "4") else "h1") for member in plan.members
    )
    first = plan.hosts[0]
    parts = (
        replace(first, label="h1", members=("scheduler", "0", "1", "2", "5")),
        replace(first, label="h2", members=("3", "4")),
    )
    plan = replace(plan, hosts=parts, members=members)
    assert choose(plan, "0,3", ["h2"]) == ("3",)
    with pytest.raises(UsageError, match="--rank 0-1: not on host h2") as raised:
        choose(plan, "0-1", ["h2"])
    assert raised.value.hint == "h2 has ranks 3-4"
    with pytest.raises(UsageError) as raised:
        choose(plan, "3", ["h1"])
    assert raised.value.hint == "h1 has ranks 0-2, 5, scheduler"


@pytest.mark.parametrize("text", ["6", "0,7-8", "x", "", "3-1", "1,1", "-1", "scheduler2"])
def test_what_the_plan_does_not_have(plan: Plan, text: str) -> None:
    with pytest.raises(UsageError, match="--rank"):
        choose(plan, text)


def test_the_message_names_what_is_missing(plan: Plan) -> None:
    with pytest.raises(UsageError, match="no rank 7, 10 in this run") as raised:
        choose(plan, "10,0,7")
    assert raised.value.hint == "it has ranks 0-5 and scheduler"


@given(st.sets(st.integers(0, 60), min_size=1))
def test_ranges_say_the_same_members(numbers: set[int]) -> None:
    text = as_ranges([str(number) for number in numbers])
    assert parse_numbers(text) == tuple(sorted(numbers))
    assert as_ranges([*map(str, numbers), "scheduler"]) == f"{text}, scheduler"
