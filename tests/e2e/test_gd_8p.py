"""`make gd-8p` as a user calls it: text in, a distilled student out, eight ranks on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from launcher.errors import ExitCode

REPOSITORY = Path(__file__).parents[2]
WIKI = REPOSITORY.parent / "shared" / "data" / "wiki"
SENTENCES = WIKI / "enwiki_sentences.txt"
DUMP = WIKI / "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
LIMIT = 900.0

pytestmark = pytest.mark.mindspore


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of this file prepare and run."""
    return tmp_path_factory.mktemp("gd")


def _outside_of_make() -> dict[str, str]:
    """The environment of a user's shell, also where `make test` runs this."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make gd-8p`, kept apart from what the user of this checkout has prepared."""
    return subprocess.run(
        ["make", "gd-8p", *words],
        cwd=REPOSITORY,
        env={**_outside_of_make(), "LAUNCHER_RUNS": str(home / "runs")},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


def assert_distilled(home: Path, done: subprocess.CompletedProcess[str]) -> Path:
    """Eight ranks ended well, the loss fell, logs and student are there; returns the run's directory."""
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    run = max((home / "runs").glob("gd-8p-*"), key=lambda path: path.stat().st_mtime)
    result = json.loads((run / "result.json").read_text("utf-8"))
    ranks = [member for member in result["attempts"][-1]["members"] if member["rank"] is not None]
    assert [(member["rank"], member["exit_code"]) for member in ranks] == [(rank, 0) for rank in range(8)]
    assert result["metrics"]["steps"] == 20
    assert result["metrics"]["loss_last"] < result["metrics"]["loss_first"]
    for rank in range(8):
        steps = (run / f"LOG{rank}" / "metrics.jsonl").read_text("utf-8").splitlines()
        assert json.loads(steps[-1])["step"] == 20
    assert (run / "ckpt" / "student-final" / "model.safetensors").stat().st_size > 0
    assert "samples/s" in done.stdout and str(run.name) in done.stdout
    return run


needs_data = pytest.mark.skipif(not SENTENCES.exists(), reason="shared/data is not beside the repository")


@pytest.fixture(scope="module")
def text(home: Path) -> Path:
    """What `make gd-8p` prepared of a text, after it distilled a student."""
    prepared = home / "text"
    assert_distilled(home, make(home, f"DATA={SENTENCES}", f"PREPARED={prepared}"))
    return prepared


@needs_data
def test_text_is_prepared_once(home: Path, text: Path):
    again = make(home, f"DATA={SENTENCES}", f"PREPARED={text}", "ARGS=--detach")
    assert "prepare.yaml" not in again.stdout and "teacher.yaml" not in again.stdout
    run = re.findall(r"^gd-8p-\d{8}-[0-9a-f]{6}$", again.stdout, re.MULTILINE)[-1]
    launcher = [str(REPOSITORY / ".venv/bin/launcher"), "cancel", run]
    subprocess.run(launcher, env={**os.environ, "LAUNCHER_RUNS": str(home / "runs")}, check=True, timeout=120)


@needs_data
@pytest.mark.full
def test_a_dump_with_the_vocabulary_and_teacher_of_the_text(home: Path, text: Path):
    dump = home / "dump"
    teacher = text / "teacher" / "teacher-final"
    words = (f"DATA={DUMP}", f"VOCAB={text / 'vocab.txt'}", f"TEACHER={teacher}", f"PREPARED={dump}")
    assert_distilled(home, make(home, *words))
    assert not (dump / "teacher").exists() and not (dump / "vocab.txt").exists()


@pytest.mark.skipif(SENTENCES.exists(), reason="shared/data is there: its text is the input instead")
def test_without_data_the_docstrings_of_this_machine(home: Path):
    assert_distilled(home, make(home, f"PREPARED={home / 'docstrings'}"))
