"""Logs and checkpoints of several hosts at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.hosts import Completed, Host, HostError, LocalHost
from launcher.plan.model import Plan
from launcher.run.collect import Incomplete, collect, collect_checkpoints, one_host
from tests.collect_hosts import ShakyHost
from tests.log_runs import FakeRun, make_run


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_host, "_PAUSE", 0.0)


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return make_run(tmp_path, ranks=2)


class Lost(LocalHost):
    """A host that does not answer."""

    def run(self, *_: object, **__: object) -> Completed:
        raise HostError(f"host {self.label}: no route")


def on_two_hosts(run: FakeRun, tmp_path: Path) -> Plan:
    """An attempt with rank 0 on host a, rank 1 on host b."""
    plan = run.begin()
    hosts = []
    for rank, label in enumerate("ab"):
        there = tmp_path / label
        (there / f"attempt-1/LOG{rank}").mkdir(parents=True)
        (there / "ckpt").mkdir()
        (there / f"attempt-1/LOG{rank}/log.txt").write_text(f"from {label}\n")
        part = replace(plan.hosts[0], label=label, run_dir=str(there), attempt_dir=str(there / "attempt-1"))
        hosts.append(replace(part, members=(str(rank),)))
    return replace(plan, hosts=tuple(hosts))


def here(run: FakeRun, where: str = "attempt-1") -> dict[str, str]:
    root = run.directory.path / where
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "plan.json"]
    return {str(path.relative_to(root)): path.read_text() for path in files}


def both(first: Host | None = None, second: Host | None = None) -> Sequence[Host]:
    return [first or LocalHost("a"), second or LocalHost("b")]


def test_logs_of_all_hosts(run: FakeRun, tmp_path: Path) -> None:
    brought = collect(run.directory, both(), on_two_hosts(run, tmp_path))
    assert [(each.host, each.tally.files) for each in brought] == [("a", 1), ("b", 1)]
    assert here(run) == {"LOG0/log.txt": "from a\n", "LOG1/log.txt": "from b\n"}
    assert (run.directory.path / "LOG1/log.txt").read_text() == "from b\n"


def test_all_hosts_at_once(run: FakeRun, tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=60)
    hosts = ShakyHost("a"), ShakyHost("b")
    plan = on_two_hosts(run, tmp_path)
    for host in hosts:
        host.before_fetch = meeting.wait
        (tmp_path / host.label / "ckpt" / host.label).write_text("weights")
    collect(run.directory, hosts, plan)
    collect_checkpoints(run.directory, hosts, plan)
    assert here(run, "ckpt") == {"a": "weights", "b": "weights"}


def test_what_the_others_have_is_there(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    with pytest.raises(Incomplete, match="not everything was collected: host b: no route") as caught:
        collect(run.directory, both(None, Lost("b")), plan)
    assert caught.value.hint == f"launcher collect {run.directory.run_id}"
    assert here(run) == {"LOG0/log.txt": "from a\n"}
    assert [(each.host, each.tally.files) for each in caught.value.brought] == [("a", 1), ("b", 0)]
    with pytest.raises(Incomplete, match="host a: no route\nhost b: no route"):
        collect(run.directory, both(Lost("a"), Lost("b")), plan)
    with pytest.raises(Incomplete, match="host a: no route"):
        collect_checkpoints(run.directory, both(Lost("a")), plan)


def test_what_a_host_no_longer_has_goes(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    (tmp_path / "a/attempt-1/LOG0/old").write_text("old")
    (tmp_path / "a/attempt-1/LOG0/deep").mkdir()
    (tmp_path / "a/attempt-1/LOG0/deep/old").write_text("old")
    collect(run.directory, both(), plan)
    (tmp_path / "a/attempt-1/LOG0/old").unlink()
    (tmp_path / "a/attempt-1/LOG0/deep/old").unlink()
    (run.directory.attempt(1) / ".partial/LOG0").mkdir(parents=True)
    (run.directory.attempt(1) / ".partial/LOG0/cut off").write_text("o")
    collect(run.directory, both(), plan)
    assert here(run) == {"LOG0/log.txt": "from a\n", "LOG1/log.txt": "from b\n"}
    assert not (run.directory.attempt(1) / "LOG0/deep").exists()
    assert not (run.directory.attempt(1) / ".partial").exists()


def test_a_host_that_has_lost_its_files_takes_none_from_here(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    collect(run.directory, both(), plan)
    (tmp_path / "a/attempt-1/LOG0/log.txt").unlink()
    collect(run.directory, both(), plan)
    assert here(run)["LOG0/log.txt"] == "from a\n"


def test_checkpoints_of_all_hosts_become_one(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    for label in "ab":
        (tmp_path / label / "ckpt/b").mkdir()
        (tmp_path / label / "ckpt/same").write_text("same")
        (tmp_path / label / "ckpt/differs").write_text(f"of {label}")
        (tmp_path / label / f"ckpt/b/only {label}").write_text(label)
    (tmp_path / "a/ckpt/b/differs").write_text("in the way")
    expected = {
        "same": "same",
        "differs": "of a",
        "b/differs": "in the way",
        "b/b/differs": "of b",
        "b/only a": "a",
        "b/only b": "b",
    }
    for _ in range(2):
        brought = collect_checkpoints(run.directory, both(), plan)
        assert here(run, "ckpt") == expected
    assert [each.tally.files for each in brought] == [0, 0]


def test_rotated_checkpoints_go_when_all_else_is_here(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    (tmp_path / "b/ckpt/step-1").write_text("1")
    collect_checkpoints(run.directory, both(), plan)
    (tmp_path / "b/ckpt/step-1").rename(tmp_path / "b/ckpt/step-2")
    with pytest.raises(Incomplete):
        collect_checkpoints(run.directory, both(Lost("a")), plan)
    assert sorted(here(run, "ckpt")) == ["step-1", "step-2"]
    collect_checkpoints(run.directory, both(), plan)
    assert sorted(here(run, "ckpt")) == ["step-2"]


@pytest.mark.parametrize("is_first_gone", [True, False])
def test_checkpoints_of_hosts_that_are_not_there_stay(
    run: FakeRun, tmp_path: Path, is_first_gone: bool
) -> None:
    plan = on_two_hosts(run, tmp_path)
    for label in "ab":
        (tmp_path / label / "ckpt/differs").write_text(f"of {label}")
        (tmp_path / label / f"ckpt/only {label}").write_text(label)
    collect_checkpoints(run.directory, both(), plan)
    before = here(run, "ckpt")
    (tmp_path / "a/ckpt/new").write_text("new")
    (tmp_path / "b/ckpt/new").write_text("new")
    for _ in range(2):
        collect_checkpoints(run.directory, [both()[is_first_gone]], plan)
        assert here(run, "ckpt") == {**before, "new": "new"}
    with pytest.raises(Incomplete):
        collect_checkpoints(run.directory, both(Lost("a")) if is_first_gone else both(None, Lost("b")), plan)
    assert here(run, "ckpt") == {**before, "new": "new"}


def test_a_host_that_is_lost_for_a_moment(run: FakeRun, tmp_path: Path) -> None:
    plan = on_two_hosts(run, tmp_path)
    (tmp_path / "a/ckpt/x").write_text("x")

    class Blinking(LocalHost):
        left = 2

        def run(self, *words: object, **options: object) -> Completed:
            self.left -= 1
            if self.left >= 0:
                raise HostError("host a: it blinks")
            return super().run(*words, **options)  # type: ignore[arg-type]

    collect(run.directory, both(Blinking("a")), plan)
    collect_checkpoints(run.directory, both(Blinking("a")), plan)
    assert here(run, "ckpt") == {"x": "x"}
