"""Runs on hosts that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.run import conductor
from tests.fakes import FakeRun


@pytest.fixture
def fake_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeRun]]:
    """Makes a run of one rank on each of two hosts, on which the check finds nothing."""
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(conductor, "check_hosts", lambda *_: [])
    monkeypatch.setattr(conductor, "deliver_image", lambda *_: None)
    made: list[FakeRun] = []

    def make(*labels: str, **job: object) -> FakeRun:
        made.append(FakeRun(tmp_path, labels or ("alpha", "beta"), **job))
        return made[-1]

    yield make
    for run in made:
        run.close()
