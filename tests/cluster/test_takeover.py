"""Runs that come home: what happened elsewhere, or while a host was away, loses no log and leaves nothing."""

from __future__ import annotations

import pytest

from launcher.errors import ExitCode
from tests.cluster.test_survival import elsewhere


def test_logs_of_a_run_that_was_cancelled_elsewhere_come_home(place, tmp_path_factory):
    run = place.die(place.job("echo $RANK_ID; exec sleep 600", ranks=8), "phase", "watch")
    place.wait_for(
        lambda: "7\n" in place.bed.exec("h2", f"cat /var/tmp/launcher-0/runs/{run}/attempt-1/LOG7/log.txt")
    )
    home, path = place.environ["LAUNCHER_RUNS"], elsewhere(place, tmp_path_factory)
    assert place.launcher("cancel", run, "-c", place.cluster, cwd=path).returncode == ExitCode.OK
    place.environ["LAUNCHER_RUNS"] = home
    assert place.launcher("attach", run).returncode == ExitCode.CANCELLED
    assert (place.directory(run) / "LOG7" / "log.txt").read_text().startswith("7\n")
    assert place.result(run)["collected"]
    place.assert_nothing_left()


def test_a_later_attempt_has_the_code_and_the_secret_of_the_first(place, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/version").write_text("1\n")
    job = place.job(
        'cat /code/version; echo "$TOK" | wc -c; sleep 2; exit 3',
        ranks=8,
        volumes={"code": {"source": str(tmp_path / "code"), "target": "/code"}},
        secrets=["TOK"],
        restart={"max": 1, "delay": 0},
    )
    place.environ["TOK"] = "secret"
    run = place.die(job, "phase", "watch")
    (tmp_path / "code/version").write_text("2\n")
    del place.environ["TOK"]
    done = place.launcher("attach", run)
    assert done.returncode == ExitCode.JOB_FAILED, done.stderr
    for attempt in (1, 2):
        log = place.directory(run) / f"attempt-{attempt}/LOG7/log.txt"
        assert log.read_text().startswith("1\n7\n")
    place.assert_nothing_left()


@pytest.mark.full
def test_what_a_host_that_was_lost_in_the_end_has_kept_goes_once_it_is_back(place, bed):
    place.environ["TOK"] = "secret"
    run = place.detached(place.job("sleep 5; echo $RANK_ID", ranks=8, secrets=["TOK"]))
    place.wait_for(lambda: any(event.get("phase") == "collect" for event in place.events(run)))
    bed.cut("h2")
    assert place.launcher("wait", run).returncode == ExitCode.CHECK_FAILED
    bed.heal("h2")
    assert place.leftovers()["h2"]
    assert place.launcher("collect", run).returncode == ExitCode.OK
    assert (place.directory(run) / "LOG7" / "log.txt").read_text() == "7\n"
    cleaned = place.launcher("clean", "-c", place.cluster, "-y")
    assert cleaned.returncode == ExitCode.OK and "kept" not in cleaned.stderr, cleaned.stderr
    place.assert_nothing_left()
