"""Logs of containers on hosts, while they are written."""

from __future__ import annotations

import json

from launcher.errors import ExitCode

PROGRESS = r"printf 'step 1\rstep 2\rstep 3\r\nloss\n\rlast'; exec sleep 600"
LIMIT = 100_000
FLOOD = '[ "$RANK_ID" = 5 ] || exec sleep 600; yes 0123456789 | head -n 20000; exec sleep 600'


def test_progress_bars_of_remote_ranks_are_lines(place):
    run = place.detached(place.job(PROGRESS, ranks=8))
    place.until_running(run, 8)
    shown = place.wait_for(lambda: lines_of(place, run, "7"))
    assert shown == ["step 1", "step 2", "step 3", "loss", "last"]
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    raw = (place.directory(run) / "LOG7" / "log.txt").read_bytes()
    assert raw.startswith(b"step 1\rstep 2\rstep 3\r\nloss\n\rlast")  # what is kept is what was written
    place.assert_nothing_left()


def lines_of(place, run: str, rank: str) -> list[str]:
    """What `launcher logs` shows of a rank, once it has written its last line."""
    shown = place.launcher("logs", run, "--rank", rank, "--json").stdout.splitlines()
    lines = [json.loads(line)["line"] for line in shown]
    return lines if "last" in lines else []


def test_a_rank_that_floods_its_log_is_ended_and_named(place):
    done = place.run(place.job(FLOOD, ranks=8, limits={"log_bytes": LIMIT}))
    assert done.returncode == ExitCode.JOB_FAILED, done.stderr
    assert "rank 5 on h2" in done.stdout and f"log.txt has passed limits.log_bytes, {LIMIT}" in done.stdout
    run = place.only_run()
    failure = place.result(run)["attempts"][0]["failure"]
    assert failure["key"] == "5"
    log = (place.directory(run) / "LOG5" / "log.txt").read_text()
    assert log.count("0123456789\n") == 20000 and "launcher: ending this rank" in log
    place.assert_nothing_left()
