"""Secrets, clocks, shells: what is in containers, and when."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from launcher.errors import ExitCode

AHEAD = 1000
DATE = f"""#!/bin/sh
# the clock of a host that is {AHEAD} s ahead
case $1 in
+%s) exec expr $(/bin/date +%s) + {AHEAD} ;;
+%s.%N) /bin/date +%s.%N | awk -F. '{{ printf "%d.%s\\n", $1 + {AHEAD}, $2 }}' ;;
*) exec /bin/date -d "+{AHEAD} seconds" "$@" ;;
esac
"""


def test_secrets_reach_ranks_and_nothing_else(place, bed):
    secret = "s3cr3t-'$(id)'\n-value"
    place.environ["TOKEN"] = secret
    job = place.job('printf %s "$TOKEN" | sha256sum | cut -c1-8; sleep 600', ranks=8, secrets=["TOKEN"])
    run = place.detached(job)
    place.until_running(run, 8)
    seen = bed.exec("h2", f"docker inspect $(docker ps -q --filter label=launcher.run={run})")
    assert "s3cr3t" not in seen
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    log = (place.directory(run) / "LOG7" / "log.txt").read_text()
    assert log.startswith(sha256(secret.encode()).hexdigest()[:8])
    assert bed.exec("h2", "grep -rl s3cr3t /var/tmp /dev/shm || true") == ""
    for file in filter(Path.is_file, place.directory(run).rglob("*")):
        assert b"s3cr3t" not in file.read_bytes(), file
    place.assert_nothing_left()


def test_clocks_that_differ_do_not_change_the_order(place, bed):
    """Rank 0 fails first; the clock of its host is so far ahead that it seems to be the last."""
    bed.exec("h1", f"cat >/usr/local/bin/date <<'EOF'\n{DATE}EOF\nchmod +x /usr/local/bin/date")
    place.use(runtime="process")
    said = bed.path / "shared" / "said"  # each rank speaks after the one before it, also on a slow machine
    shutil.rmtree(said, ignore_errors=True)
    said.mkdir()
    script = """
        until [ "$RANK_ID" = 0 ] || [ -e "/shared/said/$((RANK_ID - 1))" ]; do sleep 0.1; done
        sleep 2
        date '+%Y-%m-%d %H:%M:%S.%N' | cut -c1-26 | sed "s/$/ rank $RANK_ID/"
        : >"/shared/said/$RANK_ID"
        until [ -e /shared/said/4 ]; do sleep 0.1; done
        sleep "$RANK_ID"; exit "$((RANK_ID + 1))"
    """
    job = place.job(script, ranks=5, image=None, on_failure="continue")
    done = place.run(job)
    bed.exec("h1", "rm /usr/local/bin/date")
    assert done.returncode == ExitCode.JOB_FAILED, done.stderr
    run = place.only_run()
    clocks = next(event for event in place.events(run) if event["event"] == "clocks")["hosts"]
    assert abs(clocks["h1"]["skew"] - AHEAD) < 2 and abs(clocks["h2"]["skew"]) < 2
    merged = place.launcher("logs", run, "--merge", "time").stdout
    ranks = [line.rsplit(" ", 1)[1] for line in merged.splitlines() if "rank" in line]
    assert ranks == ["0", "1", "2", "3", "4"]
    plain = place.launcher("logs", run, "--rank", "4").stdout
    assert plain.startswith("[4] ")
    ended = {m["key"]: m["ended"] for m in place.result(run)["attempts"][0]["members"]}
    assert max(ended.values()) - min(ended.values()) < 60
    assert place.result(run)["attempts"][0]["failure"]["key"] == min(ended, key=ended.__getitem__)


def test_a_shell_with_one_device_leaves_nothing(place, bed):
    (place.path / "code").mkdir()
    (place.path / "code" / "train.py").write_text("print('here')\n")
    job = place.job("true", ranks=8, volumes={"code": {"source": "code", "target": "/code"}})
    words = [sys.executable, "-m", "launcher", "shell", str(job), "-c", str(place.cluster), "--host", "h2"]
    done = subprocess.run(
        words,
        input="hostname; cat /code/train.py; echo $RANK_SIZE; exit 5\n",
        env=place.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    name, code, size = done.stdout.splitlines()
    assert (code, size, done.returncode) == ("print('here')", "1", 5), done.stderr
    assert name.startswith("r")
    place.assert_nothing_left()
    assert bed.exec("h2", "ls /var/tmp/launcher-0/runs") == ""


def test_a_shell_on_a_terminal_is_one_there(place):
    job = place.job("true", ranks=8)
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "launcher", "shell", str(job), "-c", str(place.cluster)]
    with subprocess.Popen(words, env=place.environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, b"tty; exit 3\n")
        said = b""
        while b"/dev/pts/" not in said:
            said += os.read(ours, 1000)
        assert process.wait(60) == 3
    os.close(ours)
    place.assert_nothing_left()


def test_a_device_in_a_shell_is_held(place, bed):
    place.use("h1", devices="0")
    job = place.job("true", ranks=1)
    words = [sys.executable, "-m", "launcher", "shell", str(job), "-c", str(place.cluster)]
    with subprocess.Popen(words, env=place.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        place.wait_for(lambda: bed.exec("h1", "docker ps --quiet"))
        assert place.run(job).returncode == ExitCode.DEVICES_HELD
        process.kill()  # contact is lost: nobody is in the shell any more
    place.wait_for(lambda: not bed.exec("h1", "docker ps --quiet"))
