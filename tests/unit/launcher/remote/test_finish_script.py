"""The end of a run on a host: what is kept of it, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.claims import lease
from launcher.hosts import LocalHost
from launcher.hosts.fence import Fenced, checked
from launcher.remote import script

HOST = LocalHost("here")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run of one attempt whose ranks have not begun."""
    run_dir = tmp_path / "runs" / "gd-1"
    lease.take(HOST, str(run_dir), 1, "me", "process")
    for name in ("inputs", "ckpt", *(f"attempt-1/{each}" for each in ("scripts", "state", "LOG0", "LOG1"))):
        (run_dir / name).mkdir(parents=True)
    for name in ("plan.json", "rank_table.json"):
        (run_dir / "attempt-1" / name).write_text("{}\n")
    return run_dir


def finish(run_dir: Path, code: int, epoch: int = 1) -> None:
    checked(HOST, script("finish"), str(run_dir), str(epoch), str(code))


def begin(run_dir: Path) -> None:
    """A rank has begun."""
    (run_dir / "attempt-1/LOG1/log.txt").write_text("")


def names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


@pytest.mark.parametrize("code", [0, 3, 4, 143])
def test_where_no_rank_has_begun_nothing_is_kept(run_dir: Path, code: int) -> None:
    finish(run_dir, code)
    assert names(run_dir.parent) == set()


@pytest.mark.parametrize("code", [0, 1, 5])
def test_where_ranks_have_begun_all_is_kept_with_the_exit_code(run_dir: Path, code: int) -> None:
    begin(run_dir)
    finish(run_dir, code)
    assert (run_dir / "finished").read_text() == f"{code}\n"
    assert names(run_dir / "attempt-1") == {
        "plan.json",
        "rank_table.json",
        "scripts",
        "state",
        "LOG0",
        "LOG1",
    }
    assert HOST.run(script("exit_code"), str(run_dir)).out == f"{code}\n"


def test_of_a_cancelled_run_logs_and_checkpoints_are_kept(run_dir: Path) -> None:
    begin(run_dir)
    finish(run_dir, 143)
    assert names(run_dir / "attempt-1") == {"plan.json", "LOG0", "LOG1"}
    assert names(run_dir) == {"inputs", "ckpt", "lease", "attempt-1", "finished"}


def test_the_scheduler_that_has_begun_counts(run_dir: Path) -> None:
    (run_dir / "attempt-1/LOG_SCHED").mkdir()
    (run_dir / "attempt-1/LOG_SCHED/log.txt").write_text("")
    finish(run_dir, 4)
    assert (run_dir / "finished").exists()


def test_who_has_lost_the_lease_ends_nothing(run_dir: Path) -> None:
    lease.take(HOST, str(run_dir), 2, "another", "process")
    with pytest.raises(Fenced):
        finish(run_dir, 0)
    assert "finished" not in names(run_dir)


def test_a_run_in_a_hostile_place(tmp_path: Path, hostile: str) -> None:
    run_dir = tmp_path / f"w{hostile[:200]}" / "runs" / "gd-1"
    lease.take(HOST, str(run_dir), 1, "me", "process")
    (run_dir / "attempt-1/LOG0").mkdir(parents=True)
    finish(run_dir, 4)
    assert names(run_dir.parent) == set() and not (tmp_path / "hacked").exists()
