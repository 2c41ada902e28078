"""A gang for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.runtime.gang import RUNTIME, Gang


@pytest.fixture
def gang(docker: FakeDocker, tmp_path: Path) -> Iterator[Gang]:
    made = Gang(docker, tmp_path)
    yield made
    made.close()
    RUNTIME.close()
