"""Runs that this directory never saw, found on the hosts of a cluster file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.cli.which import which_run
from launcher.errors import LostContact, UsageError
from launcher.hosts import Completed, Endpoint, Host, HostError, LocalHost
from launcher.plan import store
from launcher.run import adopt as module
from launcher.run.rundir import RunDir
from tests.log_runs import RUN_ID, FakeRun, make_run

SPEC = {"schema": 1, "job": {"name": "t"}, "cluster": {"name": "lab"}}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """A run that another directory has launched, on this machine as its only host."""
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "mine/runs"))
    made = make_run(tmp_path)
    for attempt in (1, 2):
        plan = made.begin(attempt)
        (Path(plan.hosts[0].attempt_dir) / "plan.json").write_bytes(store.to_json(plan))
    host = made.show_on_host(finished=None)
    (host / "inputs").mkdir()
    (host / "inputs/spec.json").write_text(json.dumps(SPEC))
    return made


@pytest.fixture
def cluster(run: FakeRun, tmp_path: Path) -> Path:
    return cluster_of(run, tmp_path, "localhost")


def cluster_of(run: FakeRun, tmp_path: Path, *addresses: str) -> Path:
    about = {"schema": 1, "name": "lab", "device": "cpu", "runtime": "process", "devices": "0"}
    hosts = [{"address": address} for address in addresses]
    path = tmp_path / "lab.yaml"
    path.write_text(json.dumps({**about, "work_dir": str(run.work_dir), "hosts": hosts}))
    return path


def test_it_gets_a_directory_here_with_its_inputs_and_plans(run: FakeRun, cluster: Path) -> None:
    found = which_run("t-2026", cluster)
    assert found.run_id == RUN_ID and found.path != run.directory.path
    assert found.attempts() == [1, 2]
    about = json.loads(found.about.read_text())
    assert (about["job"], about["cluster"], about["adopted_from"]) == ("t", "lab", "localhost")
    assert which_run("t-2026", cluster / "none") == found  # known now


def test_one_that_no_host_knows(run: FakeRun, cluster: Path) -> None:
    with pytest.raises(UsageError, match=f"no run 'x' here, and no host of {cluster} knows it"):
        which_run("x", cluster)


def test_a_beginning_of_several_names_is_refused(run: FakeRun, cluster: Path) -> None:
    (run.work_dir / "runs/t-20260131-ffffff").mkdir()
    with pytest.raises(UsageError, match=f"several runs start with 't-2': {RUN_ID}, t-20260131-ffffff"):
        which_run("t-2", cluster)


def test_a_host_that_does_not_answer_may_know_it(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(LocalHost):
        def run(self, *_: object, **__: object) -> Completed:  # type: ignore[override]
            raise HostError(f"host {self.label}: no route")

    def connect(endpoint: Endpoint) -> Host:
        return Silent("far") if endpoint.address == "far" else LocalHost(endpoint.label)

    monkeypatch.setattr(module, "connect", connect)
    cluster = cluster_of(run, tmp_path, "localhost", "far")
    with pytest.raises(LostContact, match="that answers knows it\nhost far: no route"):
        which_run("x", cluster)
    assert which_run(RUN_ID, cluster).run_id == RUN_ID


def test_one_that_its_host_never_heard_the_inputs_of_is_no_run(run: FakeRun, cluster: Path) -> None:
    (run.work_dir / f"runs/{RUN_ID}/inputs/spec.json").unlink()
    with pytest.raises(UsageError, match="was never started there") as raised:
        which_run(RUN_ID, cluster)
    assert "launcher clean" in str(raised.value.hint)
    with pytest.raises(UsageError, match="no runs in"):
        which_run(None, cluster)


def test_a_name_that_is_known_here_asks_no_host(
    run: FakeRun, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAUNCHER_RUNS", str(run.directory.path.parent))
    monkeypatch.setattr(module, "connect", None)
    assert which_run(RUN_ID[:5], cluster) == RunDir(run.directory.path)
