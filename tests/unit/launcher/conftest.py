"""What tests of several stages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stored_runs import StoredRuns
from tests.unit.launcher.fake_docker import FakeDocker


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A Docker that stands first in PATH."""
    made = FakeDocker(tmp_path / "docker")
    made.install(monkeypatch)
    return made


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredRuns]:
    """Runs of a directory of their own."""
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    stored = StoredRuns(tmp_path)
    yield stored
    stored.close()
