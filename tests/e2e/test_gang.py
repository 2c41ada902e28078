"""All ranks start or none; the first failure ends the others; every exit code is kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from launcher.errors import ExitCode


def states(result: dict) -> dict[str, tuple[str, int | None]]:
    """State and exit code of every member of the last attempt."""
    return {m["key"]: (m["state"], m["exit_code"]) for m in result["attempts"][-1]["members"]}


def test_a_job_runs_to_its_end_and_leaves_its_logs(place):
    done = place.run(place.job('echo "rank $RANK_ID of $RANK_SIZE"'))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    assert states(place.result(run)) == {str(rank): ("ended", 0) for rank in range(4)}
    assert (place.directory(run) / "LOG2" / "log.txt").read_text() == "rank 2 of 4\n"
    assert (place.directory(run) / "LOG2" / "exit_code").read_text() == "0\n"
    assert "LAUNCHER_RANK=2" in (place.directory(run) / "LOG2" / "env.log").read_text()
    place.assert_nothing_left()


def test_the_first_failure_ends_the_others_and_is_named(place):
    done = place.run(place.job('[ "$RANK_ID" = 2 ] || exec sleep 100; echo "no data" >&2; exit 9'))
    assert done.returncode == ExitCode.JOB_FAILED
    result = place.result(place.only_run())
    assert result["attempts"][0]["failure"]["key"] == "2"
    assert states(result)["2"] == ("ended", 9)
    assert {states(result)[key][0] for key in "013"} == {"stopped"}
    assert "rank 2 on localhost" in done.stdout and "no data" in done.stdout
    place.assert_nothing_left()


def test_on_failure_continue_lets_the_others_finish(place):
    done = place.run(place.job('exit "$RANK_ID"', on_failure="continue", ranks=3))
    assert done.returncode == ExitCode.JOB_FAILED
    assert states(place.result(place.only_run())) == {"0": ("ended", 0), "1": ("ended", 1), "2": ("ended", 2)}


def test_ranks_that_ignore_term_and_what_they_left_behind_are_killed(place):
    stubborn = 'trap "" TERM; setsid sleep 1000 & while :; do sleep 0.1; done'
    done = place.run(place.job(f'[ "$RANK_ID" != 0 ] || {{ sleep 1; exit 3; }}; {stubborn}'))
    assert done.returncode == ExitCode.JOB_FAILED
    result = place.result(place.only_run())
    assert states(result)["0"] == ("ended", 3)
    assert states(result)["1"] == ("stopped", 137)
    assert (place.directory(place.only_run()) / "LOG1" / "exit_code").read_text() == "137\n"
    place.assert_nothing_left()


def test_processes_that_a_successful_rank_left_behind_are_ended(place):
    done = place.run(place.job("setsid sleep 1000 & exit 0", ranks=1))
    assert done.returncode == ExitCode.OK
    place.assert_nothing_left()


def test_a_rank_script_killed_from_outside_is_a_failure_without_exit_code(place):
    run = place.detached(place.job("exec sleep 1000"))
    victim = place.until_running(run)[1]
    os.kill(victim, signal.SIGKILL)
    done = place.launcher("wait", run)
    assert done.returncode == ExitCode.JOB_FAILED
    failure = place.result(run)["attempts"][0]["failure"]
    assert (failure["key"], failure["state"]) == ("1", "gone")
    assert "SIGKILL" in failure["reason"]
    place.assert_nothing_left()


def test_a_command_that_is_not_there(place):
    job = place.write("j.yaml", {"schema": 1, "name": "j", "ranks": 1, "command": ["no-such-program"]})
    done = place.run(job)
    assert done.returncode == ExitCode.JOB_FAILED
    assert states(place.result(place.only_run())) == {"0": ("ended", 127)}
    assert "no-such-program" in done.stdout


def test_a_run_out_of_time_is_ended(place):
    done = place.run(place.job("exec sleep 1000", timeouts={"run": "1s"}))
    assert done.returncode == ExitCode.JOB_FAILED
    assert "out of time" in done.stdout
    assert {state for state, _ in states(place.result(place.only_run())).values()} == {"stopped"}
    place.assert_nothing_left()


def test_a_failed_attempt_is_tried_again_with_its_checkpoints(place):
    script = """
        cd "$LAUNCHER_LOG_DIR/../../ckpt"
        [ -e "$RANK_ID" ] && exit 0
        touch "$RANK_ID"
        sleep 0.5
        [ "$RANK_ID" = 1 ] && exit 5
        exec sleep 100
    """
    restart = {"max": 1, "delay": 0.1}
    job = place.job(script, ranks=2, volumes={"output": {}}, restart=restart)
    done = place.run(job)
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    result = place.result(run)
    assert [attempt["failure"] and attempt["failure"]["exit_code"] for attempt in result["attempts"]] == [
        5,
        None,
    ]
    assert os.readlink(place.directory(run) / "LOG0") == "attempt-2/LOG0"
    assert sorted(path.name for path in (place.directory(run) / "ckpt").iterdir()) == ["0", "1"]


def test_no_restart_for_other_exit_codes(place):
    done = place.run(place.job("exit 5", ranks=1, restart={"max": 3, "exit_codes": [33]}))
    assert done.returncode == ExitCode.JOB_FAILED
    assert len(place.result(place.only_run())["attempts"]) == 1


def test_a_host_that_cannot_start_a_rank_rolls_back(place):
    place.work_dir.write_text("a file where the work directory should be")
    done = place.run(place.job("exec sleep 1000"))
    assert done.returncode in (ExitCode.CHECK_FAILED, ExitCode.START_FAILED), done.stderr
    place.assert_nothing_left()


def test_two_launchers_at_the_same_devices_one_runs_one_exits_6(place):
    run = place.detached(place.job("exec sleep 1000"))
    place.until_running(run)
    second = place.run(place.job("true", name="second", ranks=1))
    assert second.returncode == ExitCode.DEVICES_HELD
    assert f"held by run {run}" in second.stderr
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    assert place.run(place.job("true", name="third", ranks=1)).returncode == ExitCode.OK
    place.assert_nothing_left()


def test_two_launchers_at_the_same_moment(place):
    job = place.job("sleep 3")
    both = [place.popen("run", job, "-c", place.cluster) for _ in range(2)]
    codes = sorted(process.wait(60) for process in both)
    for process in both:
        process.communicate()
    assert codes == [ExitCode.OK, ExitCode.DEVICES_HELD]
    place.assert_nothing_left()


def test_secrets_reach_ranks_and_nothing_else(place):
    place.environ["TOKEN"] = "s3cr3t-'$(id)'\n-value"
    job = place.job('printf %s "$TOKEN" | sha256sum | cut -c1-8', ranks=1, secrets=["TOKEN"])
    done = place.run(job)
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    assert (place.directory(run) / "LOG0" / "log.txt").read_text() == _short_hash(place.environ["TOKEN"])
    for root in (place.directory(run), place.work_dir):
        for file in filter(Path.is_file, root.rglob("*")):
            assert b"s3cr3t" not in file.read_bytes(), file
    place.assert_nothing_left()


def _short_hash(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()[:8] + "\n"
