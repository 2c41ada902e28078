"""Supervisor and command line killed at any moment, hosts unplugged, two launchers: the run is never lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from launcher.errors import ExitCode

REPOSITORY = Path(__file__).parents[2]
SMOKE = ("lock", "create", "start", "watch")
PHASES = (
    "connect",
    "check",
    "lock",
    "bind",
    "upload",
    "create",
    "start",
    "watch",
    "stop",
    "collect",
    "unlock",
)
UNKNOWN = ("connect", "check", "lock")
"""Dead before these, a supervisor has told no host what the run is."""
MOMENTS = [pytest.param(phase, marks=() if phase in SMOKE else pytest.mark.full) for phase in PHASES]


def elsewhere(place, tmp_path_factory) -> Path:
    """From now on the launcher is called in another directory, which knows of no run."""
    path = tmp_path_factory.mktemp("elsewhere")
    place.environ["LAUNCHER_RUNS"] = str(path / "runs")
    return path


@pytest.mark.parametrize("phase", MOMENTS)
def test_attach_takes_a_run_to_its_end_whenever_its_supervisor_died(place, phase):
    run = place.die(place.job("sleep 1; echo $RANK_ID", ranks=8), "phase", phase)
    done = place.launcher("attach", run)
    assert done.returncode == ExitCode.OK, done.stderr
    assert (place.directory(run) / "LOG5" / "log.txt").read_text() == "5\n"
    place.assert_nothing_left()


@pytest.mark.parametrize("phase", MOMENTS)
def test_the_cluster_file_alone_is_enough_to_cancel(place, tmp_path_factory, phase):
    run = place.die(place.job("exec sleep 600", ranks=8, timeouts={"run": "1s"}), "phase", phase)
    path = elsewhere(place, tmp_path_factory)
    done = place.launcher("cancel", run, "-c", place.cluster, cwd=path)
    over = "and no host of" in done.stderr or "was never started there" in done.stderr
    assert done.returncode == ExitCode.OK or over, done.stderr
    if not over:
        place.assert_nothing_left()
    else:
        assert place.bed.exec("h1", "docker ps --all --quiet") == ""


@pytest.mark.full
@pytest.mark.parametrize("phase", PHASES)
def test_the_cluster_file_alone_is_enough_to_collect_and_to_attach(place, tmp_path_factory, phase):
    run = place.die(place.job("sleep 1; echo $RANK_ID", ranks=8), "phase", phase)
    path = elsewhere(place, tmp_path_factory)
    words = (run, "-c", place.cluster)
    collected = place.launcher("collect", *words, cwd=path)
    if phase in UNKNOWN:
        assert collected.returncode == ExitCode.USAGE, collected.stderr
        assert "and no host of" in collected.stderr or "was never started there" in collected.stderr
        assert place.bed.exec("h1", "docker ps --all --quiet") == ""
        return
    done = place.launcher("attach", *words, "--take-over", cwd=path)
    assert done.returncode == ExitCode.OK, done.stderr
    assert (path / "runs" / run / "LOG5" / "log.txt").read_text().endswith("5\n")
    place.assert_nothing_left()


@pytest.mark.full
@pytest.mark.parametrize("phase", PHASES[1:])
def test_the_job_goes_on_whenever_the_command_line_died(place, phase):
    process = place.popen("run", place.job("sleep 1; echo done", ranks=8), "-c", place.cluster)
    run = place.until_there()
    place.wait_for(lambda: any(event.get("phase") == phase for event in place.events(run)))
    process.kill()
    process.communicate()
    assert place.launcher("wait", run).returncode == ExitCode.OK
    assert (place.directory(run) / "LOG6" / "log.txt").read_text() == "done\n"
    place.assert_nothing_left()


@pytest.mark.full
def test_a_host_that_is_off_keeps_no_other_from_being_cancelled(place, bed):
    run = place.detached(place.job("exec sleep 600", ranks=8, timeouts={"cancel_grace": "2s"}))
    place.until_running(run, 8)
    bed.kill("h2")
    done = place.launcher("cancel", run)
    assert done.returncode == ExitCode.LOST_CONTACT
    assert "error: not all ranks could be ended: host h2: " in done.stderr
    assert bed.exec("h1", "docker ps --quiet") == ""
    bed.start("h2")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()


@pytest.mark.full
def test_a_host_that_is_off_and_a_dead_supervisor_keep_no_other_from_being_cancelled(place, bed):
    job = place.job("exec sleep 600", ranks=8, timeouts={"cancel_grace": "2s"})
    run = place.die(job, "phase", "watch")
    bed.kill("h2")
    done = place.launcher("cancel", run)
    assert done.returncode == ExitCode.LOST_CONTACT, done.stderr
    assert "ended on 1 of 2 hosts, those that answer: host h2: " in done.stderr
    assert bed.exec("h1", "docker ps --quiet") == ""
    bed.start("h2")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()


@pytest.mark.full
def test_containers_that_nobody_watches_end_themselves_once_one_has_failed(place, bed):
    script = '[ "$RANK_ID" != 6 ] || { sleep 5; exit 9; }; exec sleep 600'
    run = place.detached(place.job(script, ranks=8, timeouts={"orphan_grace": "6s"}))
    place.until_running(run, 8)
    os.kill(place.supervisor_pid(run), 9)
    place.wait_for(lambda: not bed.exec("h2", "docker ps --quiet"))
    assert len(bed.exec("h1", "docker ps --quiet").split()) == 4  # where none has failed, nobody knows of it
    assert place.launcher("attach", run).returncode == ExitCode.JOB_FAILED
    assert place.result(run)["attempts"][0]["failure"]["key"] == "6"
    place.assert_nothing_left()


@pytest.mark.full
@pytest.mark.parametrize("call", range(1, 40, 2))
def test_a_run_can_be_cancelled_whatever_was_about_to_happen(place, call):
    job = place.job("exec sleep 600", ranks=8, timeouts={"run": "1s"})
    run = place.die(job, "call", call)
    done = place.launcher("cancel", run)
    ended = (place.directory(run) / "result.json").exists()
    over = ended and "has ended already" in done.stderr
    assert done.returncode == ExitCode.OK or over, (done.stderr, place.events(run))
    place.assert_nothing_left()


def test_collect_from_another_directory(place, tmp_path_factory):
    run = place.die(place.job("echo $RANK_ID; exec sleep 600", ranks=8), "phase", "watch")
    path = elsewhere(place, tmp_path_factory)
    place.wait_for(
        lambda: "7\n" in place.bed.exec("h2", f"cat /var/tmp/launcher-0/runs/{run}/attempt-1/LOG7/log.txt")
    )
    done = place.launcher("collect", run, "-c", place.cluster, cwd=path)
    assert done.returncode == ExitCode.OK, done.stderr
    assert (path / "runs" / run / "LOG7" / "log.txt").read_text() == "7\n"
    assert place.launcher("cancel", run, "-c", place.cluster, cwd=path).returncode == ExitCode.OK
    place.assert_nothing_left()


def test_the_job_goes_on_without_the_command_line(place):
    process = place.popen("run", place.job("sleep 10; echo done", ranks=8), "-c", place.cluster)
    run = place.until_there()
    place.until_running(run, 8)
    process.kill()
    process.communicate()
    assert place.launcher("wait", run).returncode == ExitCode.OK
    assert (place.directory(run) / "LOG6" / "log.txt").read_text() == "done\n"
    place.assert_nothing_left()


def test_a_host_that_is_unplugged_for_ten_seconds_loses_nothing(place, bed):
    job = place.job("i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.1; done", ranks=8)
    run = place.detached(job)
    place.until_running(run, 8)
    bed.cut("h2")
    time.sleep(10)
    bed.heal("h2")
    assert place.launcher("wait", run).returncode == ExitCode.OK
    numbers = (place.directory(run) / "LOG7" / "log.txt").read_text().split()
    assert numbers == [str(number) for number in range(1, 201)]
    place.assert_nothing_left()


def test_logs_followed_over_a_lost_contact_lose_and_repeat_nothing(place, bed):
    job = place.job("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; sleep 0.1; done", ranks=8)
    run = place.detached(job)
    place.until_running(run, 8)
    following = place.popen("logs", "-f", run)
    time.sleep(3)
    bed.cut("h2")
    time.sleep(8)
    bed.heal("h2")
    output, errors = following.communicate(timeout=90)
    for rank in range(8):
        lines = [line for line in output.splitlines() if line.startswith(f"[{rank}]")]
        assert lines == [f"[{rank}] line {number}" for number in range(1, 301)], errors
    assert place.launcher("wait", run).returncode == ExitCode.OK


def test_a_supervisor_behind_a_partition_does_nothing_more(place, bed, tmp_path_factory):
    """Another took its run over meanwhile; even what it had said into the partition must not count later."""
    bed.up(3)
    job = place.job("exec sleep 600", ranks=8, timeouts={"cancel_grace": "1s"})
    place.before = bed.network_of("h3")  # the supervisor lives on the network of a host that can be unplugged
    run = place.detached(job)
    place.before = ()
    place.until_running(run, 8)
    bed.cut("h3")
    (place.directory(run) / "cancel").touch()  # now it wants to end all ranks, and cannot say so
    path = elsewhere(place, tmp_path_factory)
    taken = place.popen("attach", run, "-c", place.cluster, "--take-over")
    events = path / "runs" / run / "events.jsonl"
    place.wait_for(lambda: events.exists() and '"phase": "watch"' in events.read_text())
    bed.heal("h3")
    place.environ["LAUNCHER_RUNS"] = str(place.path / "runs")
    (end,) = place.wait_for(lambda: [e for e in place.events(run) if e["event"] == "end"])
    assert end["exit_code"] == ExitCode.LOST_CONTACT
    time.sleep(2)  # whatever was on its way has arrived
    for host in ("h1", "h2"):
        assert len(bed.exec(host, "docker ps --quiet").split()) == 4
    place.environ["LAUNCHER_RUNS"] = str(path / "runs")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert taken.wait(60) == ExitCode.CANCELLED
    taken.communicate()
    place.assert_nothing_left()


def test_two_supervisors_are_told_apart_by_age(place, tmp_path_factory):
    run = place.detached(place.job("exec sleep 600", ranks=8))
    place.until_running(run, 8)
    path = elsewhere(place, tmp_path_factory)
    refused = place.launcher("attach", run, "-c", place.cluster, cwd=path)
    assert refused.returncode == ExitCode.USAGE
    assert "--take-over" in refused.stderr
    place.environ["LAUNCHER_RUNS"] = str(place.path / "runs")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()


@pytest.mark.full
def test_a_host_that_loses_power_is_a_lost_contact_and_its_ranks_are_gone_after_it_is_back(place, bed):
    run = place.detached(place.job("exec sleep 600", ranks=8))
    place.until_running(run, 8)
    bed.kill("h2")
    time.sleep(35)  # longer than the silence after which contact counts as lost
    status = place.launcher("status", run).stdout
    assert "unknown" in status
    bed.start("h2")
    place.patience = 120
    assert place.launcher("wait", run).returncode == ExitCode.JOB_FAILED
    failure = place.result(run)["attempts"][0]["failure"]
    assert failure["host"] == "h2" and failure["state"] == "gone"
    place.assert_nothing_left()


DEAF = 'trap "" TERM; while :; do sleep 1; done'


@pytest.mark.full
def test_a_frozen_host_keeps_no_rank_alive_elsewhere(place, bed):
    job = place.job(f'[ "$RANK_ID" != 0 ] || {{ sleep 5; exit 3; }}; {DEAF}', ranks=8)
    run = place.detached(job)
    place.until_running(run, 8)
    bed.freeze("h2")
    place.wait_for(lambda: bed.exec("h1", "docker ps --quiet") == "")
    (end,) = place.wait_for(lambda: [e for e in place.events(run) if e["event"] == "end"])
    bed.thaw("h2")
    assert end["exit_code"] == ExitCode.LOST_CONTACT
    assert place.launcher("attach", run).returncode == ExitCode.JOB_FAILED
    failure = place.result(run)["attempts"][0]["failure"]
    assert (failure["key"], failure["exit_code"]) == ("0", 3)
    place.assert_nothing_left()


@pytest.mark.full
def test_docker_that_is_restarted_costs_an_attempt_and_no_more(place, bed):
    script = '[ "$LAUNCHER_ATTEMPT" != 1 ] || exec sleep 600; echo done'
    run = place.detached(place.job(script, ranks=8, restart={"max": 1, "delay": 0}))
    place.until_running(run, 8)
    bed.stop_docker("h2")
    time.sleep(5)
    bed.start_docker("h2")
    assert place.launcher("wait", run).returncode == ExitCode.OK
    assert [attempt["number"] for attempt in place.result(run)["attempts"]] == [1, 2]
    place.assert_nothing_left()


@pytest.mark.full
def test_docker_that_dies_while_ranks_start_leaves_none_on_the_other_host(place, bed):
    place.patience = 240
    process = place.popen("run", place.job("exec sleep 600", ranks=8), "-c", place.cluster)
    run = place.until_there()
    place.wait_for(lambda: any(event.get("phase") == "create" for event in place.events(run)))
    bed.stop_docker("h2", "KILL")
    _, errors = process.communicate(timeout=240)
    bed.start_docker("h2")
    assert process.returncode == ExitCode.LOST_CONTACT, errors
    assert f"launcher attach {run}" in errors
    assert bed.exec("h1", "docker ps --all --quiet") == ""
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()
