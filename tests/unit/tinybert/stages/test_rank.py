from __future__ import annotations

import os
from pathlib import Path

import pytest
from tinybert.stages.rank import Rank, _set_environment, is_scheduler
from tinybert.stages.stage import StageError


def test_a_process_started_by_hand_is_alone() -> None:
    assert Rank.from_environment("cpu", {}) == Rank(0, 1, 0, "CPU", Path("LOG0"))


def test_a_rank_of_the_launcher() -> None:
    env = {
        "RANK_ID": "3",
        "RANK_SIZE": "8",
        "DEVICE_ID": "5",
        "MS_ROLE": "MS_WORKER",
        "LAUNCHER_LOG_DIR": "run/LOG3",
        "LAUNCHER_LOCAL_RANKS": "4",
    }
    assert Rank.from_environment("cpu", env) == Rank(3, 8, 5, "CPU", Path("run/LOG3"), 4)


def test_all_ranks_are_taken_to_be_on_this_host_where_nothing_else_is_said() -> None:
    env = {"RANK_ID": "0", "RANK_SIZE": "8", "MS_ROLE": "MS_WORKER"}
    assert Rank.from_environment("cpu", env).local_size == 8


def test_a_rank_table_stands_for_the_dynamic_mode_on_ascend_only() -> None:
    env = {"RANK_ID": "0", "RANK_SIZE": "8", "RANK_TABLE_FILE": "rank_table.json"}
    assert Rank.from_environment("ascend", env).device == "Ascend"
    with pytest.raises(StageError, match="RANK_SIZE is 8, but MS_ROLE is not set"):
        Rank.from_environment("cpu", env)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"RANK_ID": "8", "RANK_SIZE": "8"}, "RANK_ID is 8, but RANK_SIZE is 8"),
        ({"RANK_SIZE": "many"}, "RANK_SIZE is 'many': it must be a whole number"),
        ({"DEVICE_ID": "-1"}, "DEVICE_ID is '-1'"),
    ],
)
def test_a_wrong_environment_is_named(env: dict[str, str], message: str) -> None:
    with pytest.raises(StageError, match=message):
        Rank.from_environment("cpu", env)


def test_the_scheduler_is_known_by_its_role() -> None:
    assert is_scheduler({"MS_ROLE": "MS_SCHED"})
    assert not is_scheduler({"MS_ROLE": "MS_WORKER"})


@pytest.mark.parametrize(("given", "seconds"), [(None, "600"), ("5", "5")])
def test_ranks_wait_for_one_that_compiles_slowly(
    monkeypatch: pytest.MonkeyPatch, given: str | None, seconds: str
) -> None:
    monkeypatch.setattr(os, "environ", {} if given is None else {"MS_CPU_COMM_OP_TIMEOUT": given})
    _set_environment(1)
    assert os.environ["MS_CPU_COMM_OP_TIMEOUT"] == seconds
