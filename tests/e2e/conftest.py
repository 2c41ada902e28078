"""Places whose cluster is this machine, with device ids that nobody else uses."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.plan.layout import LOCKS
from tests.place import Place, is_alive

_places = itertools.count()


class LocalPlace(Place):
    """Ranks are processes of this machine, which find the Python that runs the tests."""

    def __init__(self, path: Path) -> None:
        self.base = 8 * (1000 * os.getpid() + next(_places))  # no living process has it
        self.work_dir = path / "work"
        cluster = {
            "schema": 1,
            "name": "here",
            "device": "cpu",
            "runtime": "process",
            "devices": f"{self.base}-{self.base + 7}",
            "work_dir": str(self.work_dir),
            "path": [str(Path(sys.executable).parent)],
            "hosts": [{"address": "localhost"}],
        }
        super().__init__(path, cluster)

    def processes(self) -> list[int]:
        """Every process that carries a run of this place."""
        return [pid for run in self.runs() for pid in labelled(run)]

    def locks(self) -> list[str]:
        """Device locks of this place that are held."""
        names = [f"cpu-{self.base + index}" for index in range(8)]
        return [name for name in names if Path(LOCKS, name).exists()]

    def errors(self) -> list[dict[str, Any]]:
        """What went wrong in all runs of this place, as their supervisors said it."""
        return [event for run in self.runs() for event in self.events(run) if event["event"] == "error"]

    def assert_nothing_left(self) -> None:
        """No process, lock or secret of any run of this place."""
        assert self.processes() == []
        assert self.locks() == [], self.errors()
        for run in self.runs():
            assert not list(Path("/dev/shm").glob(f"launcher-*/{run}"))

    def clean_up(self) -> None:
        """End what still runs, and let go of the locks that the death of a supervisor left."""
        self.end_supervisors()
        for pid in self.processes():
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        for name in self.locks():
            shutil.rmtree(Path(LOCKS, name))


def labelled(run: str) -> list[int]:
    """Pids of the processes that carry a run in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"LAUNCHER_RUN={run}".encode() in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LocalPlace]:
    """A place that leaves nothing behind, whatever the test did."""
    here = LocalPlace(tmp_path)
    yield here
    here.clean_up()
