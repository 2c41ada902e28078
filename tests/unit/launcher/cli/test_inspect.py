"""`list`, `status`, `describe`: what is printed, for people and for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from launcher.cli import inspect, run_text
from launcher.cli.app import app
from launcher.errors import UsageError
from launcher.status import detail


@pytest.fixture
def call():
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(inspect, "_REFRESH", 0.0)


def failed_run(runs):
    directory = runs.make("gd")
    runs.begin(directory)
    runs.tell_member(directory, "0", "ended", exit_code=9, ended=1.0)
    runs.tell_member(directory, "1", "stopped", exit_code=143, ended=1.0, reason="")
    failure = {"key": "0", "host": "localhost", "state": "ended", "exit_code": 9, "reason": "[b]why[/b]"}
    runs.finish(
        directory,
        1,
        "failed",
        attempts=[{"number": 1, "members": [], "failure": failure}],
        seconds={"check": 0.125, "watch": 61.0},
        metrics={"steps": 20, "loss_first": 9.125},
        collected=False,
    )
    return directory


def rows(text: str) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in text.splitlines()]


def test_no_runs(runs, call):
    done = call("list")
    assert (done.exit_code, done.stdout) == (0, "RUN  AGE  RANKS  JOB  STATE\n")
    assert json.loads(call("list", "--json").stdout) == {"schema": 1, "runs": [], "errors": []}


def test_a_list_of_runs(runs, call):
    failed, fresh = failed_run(runs), runs.make("td")
    done = call("list")
    assert done.exit_code == 0
    assert [[row[0], *row[2:]] for row in rows(done.stdout)[1:]] == [
        [failed.run_id, "2", "gd", "ended with 1: failed"],
        [fresh.run_id, "2", "td", "starting: its supervisor has not said anything yet"],
    ]


def test_a_list_for_programs(runs, call):
    failed = failed_run(runs)
    (shown,) = json.loads(call("list", "--json").stdout)["runs"]
    created = shown.pop("created")
    assert created > 1e9 and shown == {
        "run": failed.run_id,
        "state": "ended",
        "words": "failed",
        "exit_code": 1,
        "job": "gd",
        "cluster": "here",
        "ranks": 2,
        "path": str(failed.path),
    }


def test_old_runs_are_shown_on_demand_but_those_not_ended_always(runs, call, monkeypatch):
    monkeypatch.setattr(inspect, "_SHOWN", 1)
    going, ended, last = runs.make("going"), runs.make("ended"), runs.make("last")
    for number, directory in enumerate((going, ended, last)):
        os.utime(directory.about, (1000 + number, 1000 + number))
    runs.finish(ended, 0, "fine")
    done = call("list")
    assert [row[0] for row in rows(done.stdout)[1:]] == [going.run_id, last.run_id]
    assert "1 older runs have ended: launcher list -a" in done.stderr
    assert len(rows(call("list", "-a").stdout)) == 4


def test_what_only_hosts_know_is_listed_with_a_cluster(runs, call, monkeypatch, tmp_path):
    directory = runs.make()
    runs.start_rank(runs.begin(directory), "0")
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "none"))
    assert call("list").stdout.count("\n") == 1
    done = call("list", "-c", str(runs.cluster))
    assert rows(done.stdout)[1][0] == directory.run_id
    assert "no supervisor: 1 rank still runs" in done.stdout


def test_a_host_that_does_not_answer_is_said_and_is_exit_code_5(runs, call):
    directory = runs.make()
    runs.begin(directory)
    runs.lose_host(directory)
    done = call("list", "-c", str(runs.cluster))
    assert done.exit_code == 5 and re.search(r"^error: host localhost: .*127\.0\.0\.1:1: ", done.stderr, re.M)
    assert "unknown: no supervisor here, and a host of it does not answer" in done.stdout
    done = call("status")
    assert done.exit_code == 5 and re.search(r"^error: host localhost: .*:1: .*$", done.stderr, re.M)
    assert "error" not in done.stdout
    assert "error: host localhost: " in call("describe").stderr
    done = call("status", "--json")
    assert done.stderr == "" and json.loads(done.stdout)["errors"][0].startswith("host localhost: ")


def test_status_of_a_run_that_goes_on(runs, call):
    directory = runs.make("gd")
    bound = runs.begin(directory)
    runs.tell_member(directory, "0", "running")
    metrics = {"step": 12, "loss": 7.123456, "samples_per_second": 31.25}
    (Path(bound.members[0].log_dir) / "metrics.jsonl").write_text(json.dumps(metrics) + "\n")
    with directory.supervisor_lock():
        done = call("status")
    assert done.exit_code == 0
    facts, _, members = done.stdout.partition("\n\n")
    assert rows(facts)[0] == ["run", directory.run_id]
    assert re.fullmatch(r"running for \d+ s", rows(facts)[1][1])
    assert rows(facts)[2:] == [
        ["job", "gd on here, ranks: 2"],
        ["attempt", "1"],
        ["supervisor", "alive: ann@desk pid 77"],
    ]
    assert rows(members) == [
        ["RANK", "HOST", "DEVICE", "STATE", "CODE", "STEP", "LOSS", "SAMPLES/S"],
        ["0", "localhost", "0", "running", "12", "7.1235", "31.25"],
        ["1", "localhost", "1", "planned"],
    ]


def test_status_when_the_supervisor_is_gone(runs, call):
    directory = runs.make()
    bound = runs.begin(directory)
    runs.tell_member(directory, "0", "running")
    runs.state(bound, "0.pid", "1 0 this-boot-is-over 5")
    done = call("status", directory.run_id[:6])
    assert "no supervisor: nothing of it runs" in done.stdout
    assert "none on this machine" in done.stdout
    assert "gone" in done.stdout and "its host was restarted" in done.stdout


def test_status_for_programs(runs, call):
    directory = failed_run(runs)
    shown = json.loads(call("status", "--json").stdout)
    assert (shown["run"], shown["state"], shown["exit_code"]) == (directory.run_id, "ended", 1)
    assert [member["state"] for member in shown["members"]] == ["ended", "stopped"]


def test_no_such_run(runs, call):
    runs.make()
    assert isinstance(call("status", "nope").exception, UsageError)


def test_watching_prints_each_change_and_ends_with_the_run(runs, call, monkeypatch, no_waiting):
    directory = runs.make()
    runs.begin(directory)
    looks = []

    def look(run):
        looks.append(run)
        if len(looks) == 3:
            runs.finish(run, 0, "all ranks ended with 0")
        return detail.__dict__["look_at_once"](run)

    monkeypatch.setattr(detail, "look_at_once", detail.look_at, raising=False)
    monkeypatch.setattr(detail, "look_at", look)
    with directory.supervisor_lock():
        done = call("status", "-w")
    assert len(looks) == 3 and done.stdout.count(f"run         {directory.run_id}") == 1
    assert done.stdout.count("ended with 0: all ranks ended with 0") == 1


def test_watching_ends_where_nothing_runs(runs, call, no_waiting):
    runs.begin(runs.make())
    assert "nothing of it runs" in call("status", "-w").stdout


def test_ctrl_c_ends_the_watching_alone(runs, call, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    directory = runs.make()
    runs.begin(directory)
    monkeypatch.setattr(inspect, "time", SimpleNamespace(sleep=interrupt))
    with directory.supervisor_lock():
        assert call("status", "-w").exit_code == 130


def test_a_description(runs, call):
    directory = failed_run(runs)
    done = call("describe")
    assert done.exit_code == 0
    text = done.stdout
    assert f"launcher run {runs.cluster.parent}/job.yaml -c {runs.cluster} --set ranks=2" in text
    assert "localhost (2)" in text and str(directory.events) in text
    digest = json.loads(directory.plan(1).read_text())["digest"]
    assert re.search(rf"^digest +{digest}$", text, re.M)
    assert re.search(r"^started +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d by \S+@", text, re.M)
    assert re.search(r"^0\.\d +watch$", text, re.M)
    assert "rank 0 on localhost ended with 9" in text
    assert re.search(r"^outcome +failed \(exit code 1\)$", text, re.M)
    assert "first failure: 0 on localhost ended, exit code 9: [b]why[/b]" in text
    assert "steps 20, loss_first 9.125" in text and "check 0.1, watch 61.0" in text
    assert f"not everything: launcher collect {directory.run_id}" in text


def test_a_description_of_little(runs, call):
    done = call("describe", runs.make().run_id)
    assert done.exit_code == 0 and "digest" not in done.stdout and "SECONDS" not in done.stdout


def test_a_description_for_programs(runs, call):
    directory = failed_run(runs)
    shown = json.loads(call("describe", "--json").stdout)
    assert shown["about"]["run"] == directory.run_id and shown["result"]["exit_code"] == 1
    assert [event["event"] for event in shown["events"]][:2] == ["supervisor", "phase"]


AGES = [
    (0, "0 s"),
    (119, "119 s"),
    (120, "2 m"),
    (7199, "120 m"),
    (7200, "2 h"),
    (200_000, "2 d"),
    (-5, "0 s"),
]


@pytest.mark.parametrize(("seconds", "text"), AGES)
def test_ages_have_one_unit(monkeypatch, seconds, text):
    monkeypatch.setattr(run_text, "time", SimpleNamespace(time=lambda: 10**9))
    assert run_text.ago(10**9 - seconds) == text
    assert run_text.ago(None) == ""


def on_a_terminal(*words: str) -> str:
    """What the command shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "PYTHONPATH": str(Path(__file__).parents[4])}
    command = [sys.executable, "-m", "launcher", *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                return
            shown.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    process.wait(timeout=60)
    reader.join()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.parametrize("words", [("status",), ("status", "-w"), ("describe",), ("list",)])
def test_on_a_terminal_nothing_is_wider_than_it_and_the_next_commands_are_told(runs, words):
    directory = failed_run(runs)
    text = on_a_terminal(*words)
    assert directory.run_id in text and "ended with 1" in text
    if words != ("list",):
        assert text.rstrip().splitlines()[-1].startswith(f"next: launcher logs {directory.run_id}")
    lines = [line for line in text.splitlines() if not line.startswith("next: ")]
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_what_to_do_next_depends_on_the_state(runs):
    going, alone = runs.make(), runs.make()
    runs.begin(alone)
    assert next(run_text.next_commands(detail.look_at(going))).startswith("launcher logs -f ")
    assert next(run_text.next_commands(detail.look_at(alone))).startswith("launcher attach ")
