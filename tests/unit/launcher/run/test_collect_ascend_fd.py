"""The directory for `ascend-fd parse`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launcher.errors import LauncherError, UsageError
from launcher.plan.model import Plan
from launcher.run.collect import ascend_fd
from launcher.run.collect.ascend_fd import target_of, write_layout
from tests.log_runs import FakeRun, make_run


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return make_run(tmp_path, ranks=2)


@pytest.fixture
def plan(run: FakeRun) -> Plan:
    """An attempt with rank 0 on host a, rank 1 and the scheduler on host b, collected."""
    plan = run.begin()
    for rank in "01":
        write(run, rank, "log.txt", f"log of {rank}\n")
    parts = [replace(plan.hosts[0], label=label) for label in "ab"]
    hosts = replace(parts[0], members=("0",)), replace(parts[1], members=("1", "scheduler"))
    return replace(plan, hosts=hosts)


def together(plan: Plan) -> Plan:
    """The same with both ranks on one host."""
    return replace(plan, hosts=(replace(plan.hosts[0], members=("0", "1")),))


def write(run: FakeRun, rank: str, name: str, text: str) -> None:
    path = run.directory.log(1, rank) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_directory_for_each_host(run: FakeRun, plan: Plan) -> None:
    write(run, "0", "plog/debug/plog/plog-7_2026.log", "[ERROR] HCCL\n")
    write(run, "0", "plog/run/device-0/device-7_2026.log", "device\n")
    write(run, "1", "plog/debug/plog/plog-7_2026.log", "the same pid elsewhere\n")
    write(run, "1", "environment_check/npu_info_before.txt", "npu-smi info\n")
    write(run, "1", "plog/debug/plog/other.log", "no name that ascend-fd knows\n")
    target = target_of(run.directory, None)
    written = write_layout(run.directory, plan, target)
    assert written.workers == {"worker-0": "a", "worker-1": "b"}
    assert written.notes == ()
    assert tree(target) == {
        "worker-0/rank-0.txt": "log of 0\n",
        "worker-0/process_log/debug/plog/plog-7_2026.log": "[ERROR] HCCL\n",
        "worker-0/process_log/run/device-0/device-7_2026.log": "device\n",
        "worker-1/rank-1.txt": "log of 1\n",
        "worker-1/process_log/debug/plog/plog-7_2026.log": "the same pid elsewhere\n",
        "worker-1/environment_check/npu_info_before.txt": "npu-smi info\n",
    }


def test_ranks_that_share_process_ids_are_kept_apart(run: FakeRun, plan: Plan) -> None:
    for rank in "01":
        write(run, rank, "plog/debug/plog/plog-1_2026.log", rank)
        write(run, rank, "plog/debug/device-0/device-1_2026.log", rank)
    write(run, "1", "plog/debug/plog/plog-42_2026.log", "its own")
    target = write_layout(run.directory, together(plan), target_of(run.directory, None)).path
    assert tree(target / "worker-0/process_log/debug") == {
        "plog/plog-10000001_2026.log": "0",
        "device-0/device-10000001_2026.log": "0",
        "plog/plog-20000001_2026.log": "1",
        "device-0/device-20000001_2026.log": "1",
        "plog/plog-42_2026.log": "its own",
    }


def test_what_it_would_not_read_is_left_out(
    run: FakeRun, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ascend_fd, "TRAIN_LOG", 100)
    monkeypatch.setattr(ascend_fd, "PROCESS_LOG", 200)
    monkeypatch.setattr(ascend_fd, "WHOLE", 500)
    lines = "".join(f"line {number:04}\n" for number in range(100))
    write(run, "0", "log.txt", lines)
    write(run, "0", "plog/debug/plog/plog-1_1.log", lines)
    write(run, "0", "plog/debug/plog/plog-1_2.log", lines[:200])
    written = write_layout(run.directory, together(plan), target_of(run.directory, None))
    files = tree(written.path)
    assert files["worker-0/rank-0.txt"] == lines[-90:]
    assert files["worker-0/process_log/debug/plog/plog-1_1.log"] == lines[:100] + lines[-90:]
    assert files["worker-0/process_log/debug/plog/plog-1_2.log"] == lines[:200]
    assert written.notes[0] == "worker-0: rank 0: plog-1_1.log is cut in its middle: ascend-fd takes 20 MB"
    assert "larger than" in written.notes[1]


def test_ranks_without_logs_are_told(run: FakeRun, plan: Plan) -> None:
    (run.directory.log(1, "1") / "log.txt").unlink()
    written = write_layout(run.directory, plan, target_of(run.directory, None))
    assert written.notes == ("worker-1: nothing has been collected of rank 1",)
    assert (written.path / "worker-1").is_dir()


def test_written_again_it_takes_the_place_of_the_old(run: FakeRun, plan: Plan, tmp_path: Path) -> None:
    target = write_layout(run.directory, plan, target_of(run.directory, None)).path
    (target / "worker-7").mkdir()
    (target.parent / f".{target.name}.new/half").mkdir(parents=True)
    write_layout(run.directory, plan, target_of(run.directory, None))
    assert sorted(path.name for path in target.iterdir()) == ["worker-0", "worker-1"]
    elsewhere = tmp_path / "deep/elsewhere"
    assert write_layout(run.directory, plan, target_of(run.directory, elsewhere)).path == elsewhere
    assert tree(elsewhere) == tree(target)
    with pytest.raises(UsageError, match="is there already"):
        target_of(run.directory, elsewhere)


def test_where_nothing_can_be_written(run: FakeRun, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LauncherError, match="nothing can be written here"):
        write_layout(run.directory, plan, target_of(run.directory, tmp_path / "file/x"))
