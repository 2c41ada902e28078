"""The command `launcher logs`: what is printed where, and what is refused."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from launcher.cli import logs as command
from launcher.cli.app import app
from launcher.cli.logs import parse_since
from launcher.errors import LauncherError, UsageError
from launcher.hosts import HostError
from launcher.logs import follow as log_follow
from tests.log_runs import RUN_ID, FakeRun, make_run
from tests.stored_runs import NOBODY


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return make_run(tmp_path)


def logs(*words: str) -> int:
    """Exit code of the command; LauncherErrors come through."""
    return int(app(["logs", *words], standalone_mode=False) or 0)


@pytest.fixture
def written(run: FakeRun) -> FakeRun:
    plan = run.begin()
    run.write(plan, "0", "loss 1\nloss 2\n")
    run.write(plan, "1", "[bold]data[/bold] café\r50%\r")
    run.write(plan, "scheduler", "up\n")
    return run


def test_every_line_has_its_rank_before_it(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    assert logs() == 0
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert set(lines) == {
        "[0] loss 1",
        "[0] loss 2",
        "[1] [bold]data[/bold] café",
        "[1] 50%",
        "[scheduler] up",
    }
    assert err == "rank 2 has written nothing\n"


def test_options_reach_what_reads(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    logs("t-2026", "--rank", "0-1", "--host", "localhost", "--grep", "loss|%", "-n", "1", "--merge", "time")
    assert capfd.readouterr().out == "[0] loss 2\n[1] 50%\n"


def test_a_host_that_is_not_reached_is_told_last(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    written.directory.keep_endpoints({"localhost": NOBODY})
    assert logs("--rank", "0") == 5
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("error: host localhost: ")
    assert err.endswith(f"not all logs are shown; once all hosts answer: launcher logs {RUN_ID}\n")
    with pytest.raises(HostError, match="host localhost: "):
        logs("-f", "--rank", "0")
    assert capfd.readouterr().err == ""


def test_json(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    logs("--json", "--rank", "1,scheduler")
    entries = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {"attempt": 1, "rank": None, "member": "scheduler", "host": "localhost", "line": "up"} in entries
    first = {"attempt": 1, "rank": 1, "member": "1", "host": "localhost", "line": "[bold]data[/bold] café"}
    assert first in entries


def test_any_attempt(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    written.write(written.begin(2), "0", "second\n")
    logs("--rank", "0")
    logs("--rank", "0", "--attempt", "1", "-n", "1")
    assert capfd.readouterr().out == "[0] second\n[0] loss 2\n"


def test_follow(written: FakeRun, capfd: pytest.CaptureFixture[str]) -> None:
    plan = log_follow.load_plan(written.directory, 1)
    written.end(plan)
    written.finish()
    assert logs("-f", "--rank", "0") == 0
    assert capfd.readouterr().out == "[0] loss 1\n[0] loss 2\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--merge", "size"], "expected time or rank"),
        (["-f", "--merge", "time"], "without --merge"),
        (["-f", "--attempt", "1"], "without --merge and --attempt"),
        (["--grep", "("], "--grep"),
        (["--since", "yesterday"], "--since yesterday"),
        (["--rank", "7"], "no rank 7"),
        (["--host", "x"], "no host x"),
        (["--attempt", "3"], "no attempt 3"),
        (["nothing"], "no run 'nothing'"),
    ],
)
def test_what_is_refused(written: FakeRun, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        logs(*words)


def test_a_run_without_ranks(run: FakeRun) -> None:
    with pytest.raises(LauncherError, match="has not started its ranks") as raised:
        logs()
    assert raised.value.hint == f"launcher status {run.directory.run_id}"


def test_since() -> None:
    assert parse_since("90") == "ago:90"
    assert parse_since("10m") == "ago:600"
    moment = datetime(2026, 1, 31, 14, 30)
    for text in ("2026-01-31T14:30", "2026-01-31 14:30:00"):
        assert parse_since(text) == f"{moment.timestamp():.0f}"
    today = datetime.now().replace(hour=0, minute=5, second=0, microsecond=0)
    assert parse_since("00:05") == f"{today.timestamp():.0f}"


def on_terminal(run: FakeRun, **environ: str) -> str:
    """Standard output of the command on a terminal."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "launcher", "logs", "--rank", "0,1", "-n", "1"]
    subprocess.run(words, stdout=theirs, check=True, env={**os.environ, **environ})
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return terminal.read(65536).decode()


def test_colour_only_on_a_terminal(written: FakeRun) -> None:
    coloured = on_terminal(written)
    assert coloured.count("\x1b[0m") == 2
    assert coloured.count("\x1b[") == 4
    assert "\x1b" not in on_terminal(written, NO_COLOR="1")


def test_the_locale_does_not_matter(written: FakeRun) -> None:
    words = [sys.executable, "-m", "launcher", "logs", "--rank", "1"]
    environ = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, env=environ)
    assert done.stdout.decode("utf-8") == "[1] [bold]data[/bold] café\n[1] 50%\n"


def test_interrupting_ends_only_the_following(written: FakeRun) -> None:
    words = [sys.executable, "-m", "launcher", "logs", "-f", "--rank", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"[0] loss 1\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode() == "\nstopped; the job goes on\n"


def test_the_palette_says_neither_error_nor_nothing() -> None:
    assert not {30, 31, 37, 90, 91, 97} & set(command._COLOURS)
