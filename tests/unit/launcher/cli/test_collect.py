"""The commands `launcher collect` and `launcher clean`."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.cli.app import app
from launcher.errors import UsageError
from launcher.upkeep import clean
from tests.log_runs import RUN_ID, FakeRun, make_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(clean, "LOCKS", str(tmp_path / "locks"))
    made = make_run(tmp_path)
    made.write(made.begin(), "0", "hello\n")
    monkeypatch.setenv("LAUNCHER_CLUSTER", str(tmp_path / "runs/cluster.yaml"))
    return made


def launcher(*words: str) -> int:
    return int(app([*words], standalone_mode=False) or 0)


def test_collect(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.show_on_host()
    assert launcher("collect") == 0
    out, err = capsys.readouterr()
    assert out == f"{run.directory.path}\n"
    assert err == "fetched 1 file(s), 0.0 MiB, 0.0 MiB compressed, from 1 host(s)\n"
    assert (run.directory.path / "LOG0/log.txt").read_text() == "hello\n"
    assert launcher("collect", RUN_ID, "--all-attempts", "--json") == 0
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert (shown["complete"], shown["hosts"][0]["files"]) == (True, 0)
    assert err == "nothing new on 1 host(s)\n"


def test_collect_for_ascend_fd(run: FakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.show_on_host()
    target = run.directory.path / "ascend-fd"
    assert launcher("collect", "--layout", "ascend-fd") == 0
    out, err = capsys.readouterr()
    assert out == f"{target}\n"
    assert (target / "worker-0/rank-0.txt").read_text() == "hello\n"
    assert "worker-0 is host localhost" in err
    assert "warning: worker-0: nothing has been collected of rank 1" in err
    to = str(tmp_path / "to")
    assert launcher("collect", "--layout", "ascend-fd", "--to", to, "--json") == 0
    assert json.loads(capsys.readouterr().out)["layout"] == to
    with pytest.raises(UsageError, match="is there already"):
        launcher("collect", "--layout", "ascend-fd", "--to", to)
    with pytest.raises(UsageError, match="--to is for --layout"):
        launcher("collect", "--to", to)


def test_a_run_that_goes_on(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.show_on_host(finished=None)
    assert launcher("collect") == 0
    assert "has not ended" in capsys.readouterr().err


def test_a_partial_collect_is_said(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.show_on_host()
    (run.work_dir / "runs" / RUN_ID / "attempt-1").rename(run.work_dir / "elsewhere")
    assert launcher("collect") == 3
    assert "error: not everything was collected" in capsys.readouterr().err


@pytest.mark.parametrize(("collected", "code"), [(True, 0), (False, 3)])
def test_after_clean_there_is_nothing_to_fetch(
    run: FakeRun, capsys: pytest.CaptureFixture[str], collected: bool, code: int
) -> None:
    shutil.rmtree(run.show_on_host())
    run.finish(collected=collected)
    assert launcher("collect") == code
    err = capsys.readouterr().err
    assert err.endswith("nothing of it is on its hosts any more; what was collected is here\n")
    assert ("error: " in err) is not collected
    assert "has not ended" not in err


def hide_a_file(run: FakeRun) -> None:
    """What no collect can fetch."""
    (run.work_dir / "runs" / RUN_ID / "attempt-1/LOG1/a\nb").write_text("lost")


def test_what_is_left_out_is_said(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.show_on_host()
    hide_a_file(run)
    assert launcher("collect") == 0
    assert (
        "warning: host localhost: left out: LOG1/a?b: its name has a line break\n" in capsys.readouterr().err
    )


def test_clean_says_what_is_lost_before_it_asks(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    place = run.show_on_host()
    hide_a_file(run)
    run.finish()
    assert launcher("clean", "--json") == 0
    lost = {"host": "localhost", "name": RUN_ID, "path": "attempt-1/LOG1/a?b"}
    assert json.loads(capsys.readouterr().out)["lost"] == [lost]
    assert place.exists()
    assert launcher("clean", "-y") == 0
    why = "goes though no collect can fetch it, its name has a line break"
    said = f"warning: {RUN_ID} on localhost: {why}: attempt-1/LOG1/a?b\n"
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count(said) == 1
    assert not place.exists()


def test_clean_shows_and_removes(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    place = run.show_on_host()
    run.finish()
    assert launcher("clean", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["removed"], [item["name"] for item in shown["items"]]) == (False, [RUN_ID])
    assert place.exists()
    assert launcher("clean", "-y") == 0
    out, err = capsys.readouterr()
    assert RUN_ID in out
    assert "removed: 1 things" in err
    assert not place.exists()
    assert run.directory.path.exists()
    assert launcher("clean", "-y") == 0
    assert capsys.readouterr().err == "nothing to remove\n"


def test_clean_takes_directories_here_only_when_told(
    run: FakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run.finish()
    run.work_dir.rename(run.work_dir.parent / "nothing-on-the-host")
    assert launcher("clean", "-y", "--runs", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(item["host"], item["name"]) for item in shown["items"]] == [("here", RUN_ID)]
    assert shown["removed"] is True
    assert not run.directory.path.exists()


def test_what_is_kept_is_said(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    place = run.show_on_host()
    assert launcher("clean", "-y", "--runs") == 0
    err = capsys.readouterr().err
    assert f"kept: {RUN_ID} on localhost: not known to be collected" in err
    assert place.exists()
    assert run.directory.path.exists()


def test_without_a_person_nothing_goes(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    place = run.show_on_host()
    run.finish()
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(UsageError, match="nobody is there to be asked"):
            launcher("clean")
    assert place.exists()


@pytest.mark.parametrize(("answer", "goes"), [("n", False), ("", False), ("y", True)])
def test_a_person_is_asked(run: FakeRun, tmp_path: Path, answer: str, goes: bool) -> None:
    place = run.show_on_host()
    run.finish()
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    text = (
        "import sys; from launcher.upkeep import clean; from launcher.cli import main\n"
        "clean.LOCKS = sys.argv.pop(1); main()"
    )
    words = [sys.executable, "-c", text, str(tmp_path / "locks"), "clean"]
    done = subprocess.run(words, stdin=theirs, capture_output=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert b"Remove all of this? [y/N]" in done.stderr
    assert done.returncode == 0
    assert place.exists() is not goes


def test_a_host_that_is_not_reached_is_an_error(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    path = run.directory.path.parent / "cluster.yaml"
    cluster = json.loads(path.read_text())
    cluster["hosts"].append({"address": "far", "devices": "0-2"})
    path.write_text(json.dumps(cluster))
    run.show_on_host()
    run.finish()
    assert launcher("clean", "--json") == 5
    assert [item["name"] for item in json.loads(capsys.readouterr().out)["items"]] == [RUN_ID]
