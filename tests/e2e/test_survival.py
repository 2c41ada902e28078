"""Whatever is killed, at whatever moment: a later launcher finds the run, and takes it over or ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from launcher.errors import ExitCode

REPOSITORY = Path(__file__).parents[2]
CALLS = range(1, 14)


@pytest.mark.parametrize(
    ("moment", "number"), [("event", 1), ("event", 9), ("event", 12)] + [("call", n) for n in CALLS]
)
def test_a_dead_supervisor_is_replaced_by_attach(place, moment, number):
    run = place.die(place.job("sleep 1; echo $RANK_ID", ranks=2), moment, number)
    done = place.launcher("attach", run)
    assert done.returncode == ExitCode.OK, done.stderr
    assert (place.directory(run) / "LOG1" / "log.txt").read_text() == "1\n"
    place.assert_nothing_left()


@pytest.mark.parametrize("number", CALLS)
def test_a_dead_supervisors_run_can_be_cancelled(place, number):
    run = place.die(place.job("exec sleep 1000", ranks=2, timeouts={"run": "1s"}), "call", number)
    done = place.launcher("cancel", run)
    ended = (place.directory(run) / "result.json").exists()
    assert done.returncode == ExitCode.OK or (ended and "has ended already" in done.stderr), done.stderr
    place.assert_nothing_left()


@pytest.mark.parametrize("number", [4, 6, 8, 9, 10, 12])
def test_another_directory_with_only_the_cluster_file_cancels(place, tmp_path_factory, number):
    run = place.die(place.job("exec sleep 1000", ranks=2, timeouts={"run": "1s"}), "call", number)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    place.environ["LAUNCHER_RUNS"] = str(elsewhere / "runs")
    done = place.launcher("cancel", run, "-c", place.cluster, cwd=elsewhere)
    nowhere = "and no host of" in done.stderr or "was never started there" in done.stderr
    assert done.returncode == ExitCode.OK or nowhere, done.stderr
    place.assert_nothing_left()


def test_the_job_goes_on_without_the_command_line(place):
    process = place.popen("run", place.job("sleep 2; echo done"), "-c", place.cluster)
    run = place.until_there()
    place.until_running(run)
    process.kill()
    process.communicate()
    assert place.launcher("wait", run).returncode == ExitCode.OK
    assert place.result(run)["exit_code"] == 0


def test_control_c_detaches(place):
    process = place.popen("run", place.job("sleep 2"), "-c", place.cluster)
    run = place.until_there()
    place.until_running(run)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == ExitCode.DETACHED
    assert "the job goes on" in errors
    assert place.launcher("attach", run).returncode == ExitCode.OK


def test_the_follower_says_when_the_supervisor_is_gone(place):
    process = place.popen("run", place.job("exec sleep 1000"), "-c", place.cluster)
    run = place.until_there()
    ranks = place.until_running(run)
    os.kill(place.supervisor_pid(run), signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == ExitCode.LOST_CONTACT
    assert f"launcher attach {run}" in errors
    assert all(Path(f"/proc/{pid}").exists() for pid in ranks)
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()


def test_a_rank_that_failed_while_nobody_watched_is_the_first_failure(place):
    run = place.detached(place.job('[ "$RANK_ID" = 1 ] && { sleep 1; exit 7; }; exec sleep 1000'))
    place.until_running(run)
    os.kill(place.supervisor_pid(run), signal.SIGKILL)
    state = place.work_dir / "runs" / run / "attempt-1" / "state" / "1.end"
    place.wait_for(state.exists)
    assert place.launcher("attach", run).returncode == ExitCode.JOB_FAILED
    assert place.result(run)["attempts"][0]["failure"]["exit_code"] == 7
    place.assert_nothing_left()


def test_orphans_end_themselves_once_one_has_failed(place):
    job = place.job(
        '[ "$RANK_ID" = 1 ] && { sleep 1; exit 7; }; exec sleep 1000', timeouts={"orphan_grace": 1}
    )
    run = place.detached(job)
    place.until_running(run)
    os.kill(place.supervisor_pid(run), signal.SIGKILL)
    place.wait_for(lambda: place.processes() == [])
    log = place.work_dir / "runs" / run / "attempt-1" / "LOG0" / "log.txt"
    assert "no supervisor for" in log.read_text()


def test_an_upgrade_of_the_launcher_does_not_disturb_a_run(place, tmp_path):
    package = tmp_path / "installed"
    shutil.copytree(REPOSITORY / "launcher", package / "launcher")
    shutil.copytree(REPOSITORY / "templates", package / "templates")
    place.environ["PYTHONPATH"] = str(package)
    run = place.detached(
        place.job('sleep 2; [ "$RANK_ID" = 1 ] && exit 4; exec sleep 1000', restart={"max": 1, "delay": 0})
    )
    place.until_running(run)
    shutil.rmtree(package)
    place.wait_for((place.directory(run) / "result.json").exists)
    result = place.result(run)
    assert [attempt["failure"]["exit_code"] for attempt in result["attempts"]] == [4, 4]
    place.assert_nothing_left()


def test_another_directory_with_only_the_cluster_file_sees_a_run(place, tmp_path_factory):
    run = place.detached(place.job("echo said $RANK_ID; exec sleep 1000"))
    place.until_running(run)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    place.environ["LAUNCHER_RUNS"] = str(elsewhere / "runs")
    shown = json.loads(place.launcher("status", run, "-c", place.cluster, "--json", cwd=elsewhere).stdout)
    assert shown["state"] == "running" and shown["words"].startswith("supervised elsewhere")
    assert {member["state"] for member in shown["members"]} == {"running"}
    said = place.launcher("logs", run, "--rank", "1", cwd=elsewhere)
    assert said.stdout == "[1] said 1\n"
    nobody = place.launcher("logs", "nobody", "-c", place.cluster, cwd=elsewhere)
    assert nobody.returncode == ExitCode.USAGE and "no run 'nobody' here, and no host of" in nobody.stderr
    place.environ["LAUNCHER_RUNS"] = str(place.path / "runs")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert "ended with 143" in place.launcher("status", run, cwd=elsewhere).stdout


def test_a_second_supervisor_is_refused_while_the_first_lives(place, tmp_path_factory):
    run = place.detached(place.job("exec sleep 1000"))
    place.until_running(run)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    place.environ["LAUNCHER_RUNS"] = str(elsewhere / "runs")
    refused = place.launcher("attach", run, "-c", place.cluster, cwd=elsewhere)
    assert refused.returncode == ExitCode.USAGE
    assert "--take-over" in refused.stderr
    taken = place.popen("attach", run, "-c", place.cluster, "--take-over")
    time.sleep(2)
    place.environ["LAUNCHER_RUNS"] = str(place.path / "runs")
    fenced = place.wait_for(lambda: [e for e in place.events(run) if e["event"] == "end"])
    assert fenced[0]["exit_code"] == ExitCode.LOST_CONTACT
    place.environ["LAUNCHER_RUNS"] = str(elsewhere / "runs")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert taken.wait(30) == ExitCode.CANCELLED
    taken.communicate()
    place.assert_nothing_left()
