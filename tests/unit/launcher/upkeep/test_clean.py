"""Which runs may go from hosts, and which of their directories from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.claims.lease import Lease
from launcher.hosts import Endpoint, Host, HostError, LocalHost
from launcher.plan import store
from launcher.spec.cluster import Cluster
from launcher.status.state import Trace
from launcher.upkeep import clean
from launcher.upkeep.clean import Item, Kept, local_items, local_runs, remove_local, sweep, why_kept
from tests.log_runs import RUN_ID, FakeRun, make_run

OLD = Lease(1, 9999.0, "somebody@elsewhere 1 1 boot")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(clean, "LOCKS", str(tmp_path / "locks"))
    return make_run(tmp_path)


def cluster_of(run: FakeRun, *addresses: str) -> Cluster:
    return Cluster.model_validate(
        {
            "schema": 1,
            "name": "t",
            "device": "cpu",
            "runtime": "process",
            "work_dir": str(run.work_dir),
            "hosts": [{"address": address} for address in addresses or ("localhost",)],
        }
    )


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (Trace(RUN_ID, OLD, 0, 1, 0), None),
        (Trace(RUN_ID, OLD, 143, 1, 0), None),
        (Trace(RUN_ID, OLD, 0, 1, 2), "2 of its ranks live"),
        (Trace(RUN_ID, OLD, None, 1, 0), "it has not ended"),
        (Trace(RUN_ID, Lease(2, 30.0, "a@b 1 1 boot"), 0, 1, 0), "its supervisor was seen 30 s ago"),
        (Trace("t-20260131-ffffff", OLD, 0, 1, 0), "launcher collect t-20260131-ffffff --all-attempts"),
    ],
)
def test_why_a_run_stays(trace: Trace, why: str | None) -> None:
    said = why_kept(trace, {RUN_ID: True, "t-20260131-eeeeee": False})
    assert said is why is None or (said is not None and why is not None and why in said)


def test_a_finished_and_collected_run_goes(run: FakeRun) -> None:
    place = run.show_on_host()
    run.finish()
    found = sweep(cluster_of(run), remove=False)
    assert [(item.host, item.what, item.name) for item in found.items] == [("localhost", "run", RUN_ID)]
    assert (found.kept, found.errors) == ((), ())
    assert place.exists()
    assert sweep(cluster_of(run), remove=True).items == found.items
    assert not place.exists()
    assert run.directory.result.exists()


def test_a_run_that_was_not_collected_stays(run: FakeRun) -> None:
    place = run.show_on_host()
    run.finish(collected=False)
    found = sweep(cluster_of(run), remove=True)
    assert found.items == ()
    assert found.kept[0].why.startswith("not known to be collected")
    assert local_runs(found) == []
    assert place.exists()


def test_a_run_goes_from_a_host_that_was_lost_when_it_ended(run: FakeRun) -> None:
    plan = run.begin()
    (Path(plan.hosts[0].attempt_dir) / "plan.json").write_bytes(store.to_json(plan))
    place = run.show_on_host(finished=None)
    found = sweep(cluster_of(run), remove=True)
    assert found.kept[0].why == f"it has not ended: launcher attach {RUN_ID} or launcher cancel {RUN_ID}"
    run.finish(collected=False)
    found = sweep(cluster_of(run), remove=True)
    assert found.kept[0].why.startswith("not known to be collected")
    run.finish()
    assert [item.name for item in sweep(cluster_of(run), remove=True).items] == [RUN_ID]
    assert not place.exists()


def test_what_the_host_refuses_is_told(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.show_on_host(epoch=1)
    run.finish()
    seen = clean.parse_traces
    monkeypatch.setattr(
        clean, "parse_traces", lambda text: [Trace(each.run, OLD, 0, 1, 0) for each in seen(text)]
    )
    (run.work_dir / f"runs/{RUN_ID}/lease/epoch-2").mkdir()
    found = sweep(cluster_of(run), remove=True)
    assert found.kept == (Kept("localhost", RUN_ID, "another launcher has taken it over"),)
    assert local_runs(found) == []


def test_hosts_that_do_not_answer_are_told(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.show_on_host()
    run.finish()

    class Broken(LocalHost):
        def run(self, *_: object, **__: object) -> None:  # type: ignore[override]
            raise HostError(f"host {self.label}: no answer")

    def connect(endpoint: Endpoint) -> Host:
        return Broken(endpoint.label) if endpoint.address == "broken" else LocalHost(endpoint.label)

    monkeypatch.setattr(clean, "connect", connect)
    found = sweep(cluster_of(run, "localhost", "broken"), remove=False)
    assert [item.name for item in found.items] == [RUN_ID]
    assert [str(error) for error in found.errors] == ["host broken: no answer"]
    shown = found.to_json(found.items)
    assert shown["items"][0]["what"] == "run"
    assert shown["errors"] == ["host broken: no answer"]


def test_directories_here(run: FakeRun) -> None:
    nothing = clean.Sweep((), (), ())
    assert local_runs(nothing) == []
    run.finish()
    with run.directory.supervisor_lock():
        assert local_runs(nothing) == []
    assert local_runs(nothing) == [run.directory]
    (run.directory.path / "big").write_bytes(bytes(2048))
    (item,) = local_items([run.directory])
    assert item == Item("here", "run", RUN_ID, item.kib)
    assert 2 <= item.kib < 30
    assert remove_local([run.directory]) == [item]
    assert not run.directory.path.exists()


def test_the_default_work_directory_is_asked_of_the_host(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.show_on_host()
    run.finish()
    monkeypatch.setattr(clean, "default_work_dir", lambda uid: str(run.work_dir))
    cluster = cluster_of(run).model_copy(update={"work_dir": None})
    assert [item.name for item in sweep(cluster, remove=False).items] == [RUN_ID]
