"""What tests of several stages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.launcher.fake_docker import FakeDocker


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A Docker that stands first in PATH."""
    made = FakeDocker(tmp_path / "docker")
    made.install(monkeypatch)
    return made
