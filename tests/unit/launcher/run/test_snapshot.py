"""The snapshot of code: what is in it, what is not, and that equal files give equal bytes."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from launcher.errors import UsageError
from launcher.run import snapshot


def git(root: Path, *words: str) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *name, *words], check=True, capture_output=True)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A directory with some code, not under git."""
    root = tmp_path / "code"
    (root / "package" / "__pycache__").mkdir(parents=True)
    (root / "package" / "a.py").write_text("A = 1\n")
    (root / "package" / "__pycache__" / "a.pyc").write_text("x")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def test_all_files_but_what_python_makes(code):
    assert snapshot.take(code).names == ("package/a.py", "run.sh")


def test_git_says_what_is_code_untracked_files_too(code):
    git(code, "init", "-q")
    (code / ".gitignore").write_text("*.log\n")
    (code / "big.log").write_text("no")
    git(code, "add", "run.sh")
    (code / "new.py").write_text("")
    assert snapshot.take(code).names == (".gitignore", "new.py", "package/a.py", "run.sh")


def test_code_in_a_directory_that_git_ignores_is_code_all_the_same(code):
    git(code, "init", "-q")
    (code / ".gitignore").write_text("environment/\n*.log\n")
    inner = code / "environment" / "installed"
    inner.mkdir(parents=True)
    (inner / "job.py").write_text("")
    assert snapshot.take(inner).names == ("job.py",)


def test_where_git_ignores_each_file_there_is_no_code(code):
    git(code, "init", "-q")
    (code / ".gitignore").write_text("*.log\n")
    (code / "logs").mkdir()
    (code / "logs" / "a.log").write_text("")
    with pytest.raises(UsageError, match="there is no code"):
        snapshot.take(code / "logs")


def test_launcherignore_leaves_out_what_git_tracks(code):
    (code / ".launcherignore").write_text("package/\n!keep\n")
    assert snapshot.take(code).names == (".launcherignore", "run.sh")


def test_names_and_links_and_modes_arrive(code, tmp_path):
    (code / "a b\n'$(x)'.py").write_text("odd")
    (code / "link").symlink_to("run.sh")
    with tarfile.open(fileobj=io.BytesIO(snapshot.take(code).archive)) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out"
    assert (out / "a b\n'$(x)'.py").read_text() == "odd"
    assert os.readlink(out / "link") == "run.sh"
    assert (out / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (out / "package" / "a.py").stat().st_mode & 0o777 == 0o644


def test_equal_files_give_the_same_digest_whenever_they_were_written(code, tmp_path):
    first = snapshot.take(code)
    os.utime(code / "run.sh", (1, 1))
    assert snapshot.take(code).archive == first.archive
    (code / "run.sh").chmod(0o644)
    assert snapshot.take(code).digest != first.digest


def test_what_cannot_be_a_snapshot(code, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="is not a directory"):
        snapshot.take(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no code in"):
        snapshot.take(tmp_path / "empty")
    monkeypatch.setattr(snapshot, "MOST_BYTES", 5)
    with pytest.raises(UsageError, match="the limit is") as caught:
        snapshot.take(code)
    assert ".launcherignore" in str(caught.value.hint)


def test_commit_and_difference_are_told(code):
    assert snapshot.git_state(code) == (None, "")
    git(code, "init", "-q")
    git(code, "add", "run.sh")
    git(code, "commit", "-qm", "first")
    (code / "run.sh").write_text("#!/bin/sh\necho changed\n")
    commit, difference = snapshot.git_state(code)
    assert commit is not None and len(commit) == 40
    assert "+echo changed" in difference
