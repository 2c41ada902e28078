"""Ranks that are root on hosts whose SSH user is not: what they leave can be read and removed."""

from __future__ import annotations

from launcher.errors import ExitCode

LEAVE = """
id -u
mkdir -p "$LAUNCHER_LOG_DIR/plog/deep" "/ckpt/$RANK_ID" && chmod 700 "/ckpt/$RANK_ID"
echo of $RANK_ID >"$LAUNCHER_LOG_DIR/plog/deep/file"
(umask 077; echo of $RANK_ID >"/ckpt/$RANK_ID/weights")
"""
WORK = "/var/tmp/launcher-4242"


def job(place, command: str):
    """Ranks that are root in their containers."""
    return place.job(command, ranks=8, user="root", volumes={"output": {"target": "/ckpt"}})


def test_what_root_in_a_container_leaves_is_collected_and_cleaned_by_the_ssh_user(place, bed):
    place.use(user="trainer")
    done = place.run(job(place, LEAVE))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.directory(place.only_run())
    assert (run / "LOG7" / "log.txt").read_text() == "0\n"
    assert (run / "LOG7" / "plog" / "deep" / "file").read_text() == "of 7\n"
    assert (run / "ckpt" / "7" / "weights").read_text() == "of 7\n"
    cleaned = place.launcher("clean", "-c", place.cluster, "-y")
    assert cleaned.returncode == ExitCode.OK and "kept" not in cleaned.stderr, cleaned.stderr
    assert bed.exec("h2", f"ls -A {WORK}/runs") == ""
    place.assert_nothing_left()


def test_what_is_left_by_a_killed_root_is_said_with_its_remedy(place, bed):
    place.use(user="trainer")
    stubborn = 'trap "" TERM; while :; do sleep 0.1; done'
    done = place.run(job(place, f'{LEAVE} [ "$RANK_ID" != 0 ] || {{ sleep 2; exit 3; }}; {stubborn}'))
    assert done.returncode == ExitCode.JOB_FAILED
    run = place.only_run()
    assert "Permission denied" in done.stderr + done.stdout
    assert (place.directory(run) / "LOG7" / "plog" / "deep" / "file").read_text() == "of 7\n"
    bed.exec("h1", f"chown -R trainer {WORK}/runs/{run}")
    bed.exec("h2", f"chown -R trainer {WORK}/runs/{run}/ckpt")
    assert place.launcher("collect", run).returncode == ExitCode.OK
    cleaned = place.launcher("clean", "-c", place.cluster, "-y")
    remedy = f"as root, rm -rf {WORK}/runs/.removed-{run}"
    assert f"kept: {run} on h2: not all of it could be removed: {remedy}" in cleaned.stderr
    bed.exec("h2", remedy.removeprefix("as root, "))
    place.assert_nothing_left()
