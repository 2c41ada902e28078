"""What make leaves behind when a training of the flagship is cut off."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LAUNCHER = """#!/bin/sh
mkdir -p "$(dirname "$TARGET")"
echo whole > "$TARGET"
{end}
"""
MODELS = ("teacher/model-final", "plain/model-final", "td1/student-final", "td2/student-final")
TARGETS = (
    "tfrecord/manifest.json",
    "teacher/teacher-final/config.json",
    *(f"seed-1/{model}/config.json" for model in MODELS),
)


@pytest.mark.parametrize("end", ["exit 1", "kill -INT 0; sleep 9"], ids=["failed", "Ctrl-C"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_whole_stays_where_the_launcher_ends_badly_after_it(
    target: str, end: str, tmp_path: Path
) -> None:
    launcher = tmp_path / "venv" / "bin" / "launcher"
    needed = [tmp_path / name for name in ("records/dev.tfrecord.json", *TARGETS) if name != target]
    for path in (launcher, launcher.with_name("python"), tmp_path / "venv" / ".cpu", *needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    launcher.write_text(LAUNCHER.format(end=end))
    launcher.chmod(0o755)
    places = [f"VENV={tmp_path}/venv", f"PREPARED={tmp_path}", f"BIN={launcher.parent}"]
    done = subprocess.run(
        ["make", *places, str(tmp_path / target)],
        cwd=REPOSITORY,
        env={**os.environ, "TARGET": str(tmp_path / target)},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert (tmp_path / target).read_text() == "whole\n", done.stderr
