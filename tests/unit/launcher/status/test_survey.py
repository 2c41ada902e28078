"""Many runs at once, from directories here and from hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import UsageError
from launcher.hosts import Endpoint, HostError, LocalHost
from launcher.run.rundir import all_runs
from launcher.status import traces
from launcher.status.state import Standing
from launcher.status.survey import read_stored, survey
from launcher.status.traces import Place, ask

HERE = Endpoint(label="localhost", address="localhost")


def only(directory):
    (overview,), errors = survey([directory])
    assert errors == []
    return overview


def test_a_run_that_was_only_asked_for(runs):
    overview = only(runs.make("gd-8p"))
    assert overview.state.standing is Standing.STARTING
    assert (overview.job, overview.cluster, overview.ranks) == ("gd-8p", "here", 2)
    assert overview.path.name == overview.run and overview.created > 0


def test_a_supervised_run_is_known_without_its_hosts(runs, monkeypatch):
    directory = runs.make()
    runs.begin(directory)
    monkeypatch.setattr(traces, "connect", pytest.fail)
    with directory.supervisor_lock() as ours:
        assert ours and only(directory).state.standing is Standing.RUNNING


def test_an_ended_run_is_known_without_its_hosts(runs, monkeypatch):
    directory = runs.make()
    runs.begin(directory)
    runs.finish(directory, 1, "failed")
    monkeypatch.setattr(traces, "connect", pytest.fail)
    state = only(directory).state
    assert (state.standing, state.exit_code, state.words) == (Standing.ENDED, 1, "failed")


def test_a_lost_supervisor_means_asking_the_host(runs):
    directory = runs.make()
    bound = runs.begin(directory)
    runs.tell_member(directory, "0", "running")
    runs.start_rank(bound, "0")
    assert only(directory).state.words == "1 rank still runs"
    runs.close()
    assert only(directory).state.words == "nothing of it runs"


def test_what_has_gone_from_the_host(runs):
    directory = runs.make()
    runs.begin(directory)
    Path(runs.work_dir).rename(runs.work_dir.with_name("elsewhere"))
    assert only(directory).state.words == "nothing of it runs"


def test_another_launcher_ended_it(runs):
    directory = runs.make()
    bound = runs.begin(directory)
    (Path(bound.hosts[0].run_dir) / "finished").write_text("143\n")
    state = only(directory).state
    assert (state.standing, state.exit_code) == (Standing.ENDED, 143)
    assert state.words == "its supervisor was ann@desk"


def test_runs_that_only_hosts_know(runs, monkeypatch, tmp_path):
    directory = runs.make()
    bound = runs.begin(directory)
    runs.start_rank(bound, "1")
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "none"))
    places = [Place(HERE, str(runs.work_dir))] * 2
    (overview,), errors = survey(all_runs(), places)
    assert errors == [] and overview.run == directory.run_id
    assert overview.state.words == "1 rank still runs"
    assert (overview.job, overview.path, overview.ranks, overview.created) == (None, None, None, None)
    assert overview.to_json()["path"] is None


def test_runs_that_both_know_are_listed_once(runs):
    directory = runs.make()
    runs.begin(directory)
    overviews, _ = survey(all_runs(), [Place(HERE, str(runs.work_dir))])
    assert [overview.run for overview in overviews] == [directory.run_id]
    assert overviews[0].path is not None


def test_a_silent_host_leaves_its_runs_unknown_and_the_others_known(runs):
    lost, ended = runs.make("lost"), runs.make("ended")
    runs.begin(lost)
    runs.finish(ended, 0, "fine")
    runs.lose_host(lost)
    overviews, errors = survey([lost, ended])
    assert [overview.state.standing for overview in overviews] == [Standing.UNKNOWN, Standing.ENDED]
    (error,) = errors
    assert isinstance(error, HostError) and "127.0.0.1:1: " in str(error)


def test_a_host_that_fails_halfway(runs, monkeypatch):
    class Broken(LocalHost):
        def run(self, *words, **options):
            raise HostError("host localhost: reset")

    monkeypatch.setattr(traces, "connect", lambda endpoint: Broken(endpoint.label))
    place = Place(HERE, str(runs.work_dir))
    assert isinstance(ask([place])[place], HostError)


def test_the_default_work_directory_is_asked_of_the_host(monkeypatch):
    asked = []
    monkeypatch.setattr(traces, "default_work_dir", lambda uid: asked.append(uid) or "/nowhere")
    assert ask([Place(HERE, None)]) == {Place(HERE, None): []}
    assert len(asked) == 1 and asked[0].isdigit()


def test_a_damaged_run_does_not_hide_the_others(runs):
    damaged, whole = runs.make(), runs.make()
    damaged.about.write_text("{")
    overviews, (error,) = survey([damaged, whole])
    assert [overview.run for overview in overviews] == [whole.run_id]
    assert f"{damaged.about}: damaged (" in str(error)
    damaged.about.write_text("[]")
    with pytest.raises(UsageError, match="not a JSON object"):
        read_stored(damaged)
