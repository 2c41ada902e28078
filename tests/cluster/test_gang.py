"""Ranks as containers on several hosts: all start or none, the first failure ends the others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from launcher.errors import ExitCode
from tests.cluster.images.golden import SMALL
from tests.hostile import HOSTILE

REPOSITORY = Path(__file__).parents[2]


def states(result: dict) -> dict[str, tuple[str, int | None]]:
    """State and exit code of every member of the last attempt."""
    return {m["key"]: (m["state"], m["exit_code"]) for m in result["attempts"][-1]["members"]}


def test_a_job_over_two_hosts_runs_to_its_end(place):
    done = place.run(place.job('echo "rank $RANK_ID of $RANK_SIZE on $(hostname)"', ranks=8))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    assert states(place.result(run)) == {str(rank): ("ended", 0) for rank in range(8)}
    log = (place.directory(run) / "LOG6" / "log.txt").read_text()
    assert log == f"rank 6 of 8 on r6-{run[-6:]}\n"
    place.assert_nothing_left()


@pytest.mark.full
def test_eight_hosts_with_eight_containers_each(place, bed):
    bed.up(8)
    place.use(*(f"h{number}" for number in range(1, 9)), devices="0-7")
    place.patience = 300
    done = place.run(place.job("echo rank $RANK_ID", ranks=64))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    assert states(place.result(run)) == {str(rank): ("ended", 0) for rank in range(64)}
    for rank in range(64):
        assert (place.directory(run) / f"LOG{rank}" / "log.txt").read_text() == f"rank {rank}\n"
    place.assert_nothing_left()


def test_the_first_failure_is_named_and_ends_all_others(place):
    job = place.job('[ "$RANK_ID" = 5 ] || exec sleep 600; sleep 2; echo "no data" >&2; exit 9', ranks=8)
    done = place.run(job)
    assert done.returncode == ExitCode.JOB_FAILED
    attempt = place.result(place.only_run())["attempts"][0]
    assert attempt["failure"]["key"] == "5"
    assert {state for state, _ in states(place.result(place.only_run())).values()} == {"ended", "stopped"}
    assert "rank 5 on h2" in done.stdout and "no data" in done.stdout
    place.assert_nothing_left()


def test_ranks_that_ignore_term_are_killed_with_what_they_started(place):
    stubborn = 'trap "" TERM; setsid sleep 600 & while :; do sleep 0.1; done'
    done = place.run(place.job(f'[ "$RANK_ID" != 0 ] || {{ sleep 4; exit 3; }}; {stubborn}', ranks=8))
    assert done.returncode == ExitCode.JOB_FAILED
    result = states(place.result(place.only_run()))
    assert result["0"] == ("ended", 3)
    assert {result[str(rank)] for rank in range(1, 8)} == {("stopped", 137)}
    place.assert_nothing_left()


def test_a_container_that_is_killed_is_a_failure_without_an_exit_code_of_its_own(place, bed):
    run = place.detached(place.job("exec sleep 600", ranks=8))
    place.until_running(run, 8)
    bed.exec("h2", f"docker kill {run}-1-6")
    assert place.launcher("wait", run).returncode == ExitCode.JOB_FAILED
    failure = place.result(run)["attempts"][0]["failure"]
    assert (failure["key"], failure["state"], failure["exit_code"]) == ("6", "gone", 137)
    place.assert_nothing_left()


def test_a_failed_attempt_is_tried_again_on_all_hosts(place):
    script = """
        [ "$LAUNCHER_ATTEMPT" = 1 ] || exit 0
        [ "$RANK_ID" = 5 ] || exec sleep 600
        sleep 1; exit 33
    """
    done = place.run(place.job(script, ranks=8, restart={"max": 1, "delay": 0.1}))
    assert done.returncode == ExitCode.OK, done.stderr
    attempts = place.result(place.only_run())["attempts"]
    assert [attempt["failure"] and attempt["failure"]["exit_code"] for attempt in attempts] == [33, None]
    place.assert_nothing_left()


def test_two_launchers_at_the_same_moment_one_runs_one_exits_6(place):
    job = place.job("sleep 3", ranks=8)
    both = [place.popen("run", job, "-c", place.cluster) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert sorted(process.returncode for process in both) == [ExitCode.OK, ExitCode.DEVICES_HELD], said
    assert any("held by run" in errors for _, errors in said)
    place.assert_nothing_left()


def test_cancel_leaves_nothing_but_logs(place, bed):
    place.environ["TOKEN"] = "s3cr3t"
    run = place.detached(place.job("echo begun; exec sleep 600", ranks=8, secrets=["TOKEN"]))
    place.until_running(run, 8)
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    place.assert_nothing_left()
    kept = bed.exec("h2", f"cd /var/tmp/launcher-0/runs/{run} && find . -type f | sort").split()
    logs = {f"./attempt-1/LOG{rank}/{name}" for rank in range(4, 8) for name in LOGS}
    found_by = {"./attempt-1/plan.json", "./finished", "./inputs/spec.json"}
    assert {name for name in kept if not name.startswith("./lease/")} == logs | found_by
    assert (place.directory(run) / "LOG7" / "log.txt").read_text().startswith("begun\n")


LOGS = ("env.log", "exit_code", "log.index", "log.txt")


def test_strangers_and_their_containers_are_never_touched(place, bed):
    labels = "--label launcher.run=job-20260101-abcdef --label launcher.attempt=1 --label launcher.owner=9999"
    bed.exec("h1", f"docker run -d --init --name stranger {labels} {SMALL} sleep 600")
    done = place.run(place.job('[ "$RANK_ID" != 0 ] || { sleep 1; exit 1; }; exec sleep 600', ranks=8))
    assert done.returncode == ExitCode.JOB_FAILED
    place.launcher("clean", "-c", place.cluster, "-y")
    assert bed.exec("h1", "docker ps --format '{{.Names}}'") == "stranger\n"
    bed.exec("h1", "docker rm -f stranger")


def test_another_user_than_root(place, bed):
    place.use(user="trainer")
    job = place.job("id -u; touch $LAUNCHER_LOG_DIR/mine; exec sleep 600", ranks=8, volumes={"output": {}})
    run = place.detached(job)
    place.until_running(run, 8)
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert (place.directory(run) / "LOG7" / "log.txt").read_text().startswith("4242\n")
    owners = bed.exec("h2", f"stat -c %U /var/tmp/launcher-4242/runs/{run}/attempt-1/LOG*/*").split()
    assert set(owners) == {"trainer"}
    place.assert_nothing_left()


def test_hostile_values_arrive_as_data(place, bed):
    names = [f"V{number}" for number in range(len(HOSTILE))]
    written = [text.replace("${", "$${") for text in HOSTILE]  # ${NAME} is a variable of job files
    script = REPOSITORY / "tests" / "cluster" / "show.sh"
    (place.path / "code dir'$(touch hacked)").mkdir()
    shutil.copy(script, place.path / "code dir'$(touch hacked)" / "show it.sh")
    bed.exec("h1", 'mkdir -p "/data/it\'s \\$(touch hacked)"; echo data >"/data/it\'s \\$(touch hacked)/f"')
    job = place.write(
        "job.yaml",
        {
            "schema": 1,
            "name": "hostile",
            "ranks": 1,
            "launch": "none",
            "image": SMALL,
            "command": ["sh", "/my code/show it.sh", *written],
            "env": dict(zip(names, written, strict=True)),
            "volumes": {
                "code": {"source": "code dir'$(touch hacked)", "target": "/my code"},
                "data": {"source": "/data/it's $(touch hacked)", "target": '/data, "quoted"'},
            },
        },
    )
    done = place.run(job)
    assert done.returncode == ExitCode.OK, done.stderr
    log = place.directory(place.only_run()) / "LOG0"
    assert (log / "words").read_bytes().split(b"\0")[:-1] == [text.encode() for text in HOSTILE]
    variables = dict(entry.split(b"=", 1) for entry in (log / "variables").read_bytes().split(b"\0")[:-1])
    assert [variables[name.encode()] for name in names] == [text.encode() for text in HOSTILE]
    assert (log / "data").read_text() == "data\n"
    assert bed.exec("h1", "find /var/tmp /data /root /tmp -name hacked") == ""
    assert not list(place.path.rglob("hacked"))


def test_the_host_scripts_by_hand_start_what_run_starts(place, bed):
    """The same containers, as Docker sees them; and the run is found and cancelled."""
    run = place.detached(place.job("echo rank $RANK_ID; exec sleep 600", ranks=8))
    place.until_running(run, 8)
    scripts = f"/var/tmp/launcher-0/runs/{run}/attempt-1/scripts"
    by_run = {host: inspected(bed, host, run) for host in ("h1", "h2")}
    os.kill(place.supervisor_pid(run), 9)
    for host in ("h1", "h2"):
        bed.exec(host, f"docker rm -f $(docker ps -q --filter label=launcher.run={run})")
        bed.exec(host, f"sh {scripts}/host-{host}.sh")
        assert inspected(bed, host, run) == by_run[host]
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert (place.directory(run) / "LOG5" / "log.txt").read_text().startswith("rank 5\nrank 5\n")
    place.assert_nothing_left()


def inspected(bed, host: str, run: str) -> dict:
    """What Docker says of a run's containers, without what differs from one start to the next."""
    text = bed.exec(host, f"docker inspect $(docker ps -q --filter label=launcher.run={run})")
    found = {}
    for each in json.loads(text):
        config, host_config = each["Config"], each["HostConfig"]
        config["Env"] = sorted(config["Env"])
        for key in ("ConsoleSize", "CgroupnsMode", "RestartPolicy"):
            host_config.pop(key, None)
        for key in ("AttachStdout", "AttachStderr", "StdinOnce"):
            config.pop(key, None)
        found[each["Name"]] = normal({"config": config, "host": host_config})
    return found


def normal(value):
    """Docker shows nothing as null, an empty list or an empty object, as its client sent it."""
    if isinstance(value, dict):
        kept = {key: normal(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, [], {}, "", 0, False)}
    return [normal(each) for each in value] if isinstance(value, list) else value


def test_an_upgrade_of_the_launcher_does_not_disturb_a_run(place, tmp_path):
    package = tmp_path / "installed"
    shutil.copytree(REPOSITORY / "launcher", package / "launcher")
    shutil.copytree(REPOSITORY / "templates", package / "templates")
    place.environ["PYTHONPATH"] = str(package)
    job = place.job(
        'sleep 3; [ "$RANK_ID" = 5 ] && exit 4; exec sleep 600', ranks=8, restart={"max": 1, "delay": 0}
    )
    run = place.detached(job)
    place.until_running(run, 8)
    shutil.rmtree(package)
    place.wait_for((place.directory(run) / "result.json").exists)
    attempts = place.result(run)["attempts"]
    assert [attempt["failure"]["exit_code"] for attempt in attempts] == [4, 4]
    place.assert_nothing_left()


def test_a_command_in_a_live_rank(place):
    run = place.detached(place.job("exec sleep 600", ranks=8))
    place.until_running(run, 8)
    done = place.launcher("exec", run, "--rank", "5", "--", "sh", "-c", "hostname; echo no >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, f"r5-{run[-6:]}\n", "no\n")
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert "no container of rank 5 runs" in place.launcher("exec", run, "--rank", "5", "--", "true").stderr


def test_processes_of_remote_hosts(place, bed):
    """The other runtime over SSH."""
    place.use(runtime="process")
    done = place.run(place.job("echo $RANK_ID; sleep 1", ranks=8, image=None))
    assert done.returncode == ExitCode.OK, done.stderr
    assert (place.directory(place.only_run()) / "LOG7" / "log.txt").read_text() == "7\n"
    place.assert_nothing_left()
