"""A place of its own for each end-to-end test: directory, cluster file, device ids that nobody else uses."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ENDED = 60.0


class Place:
    """Runs the `launcher` command in a directory of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = random.randrange(1000, 60000)
        self.work_dir = path / "work"
        self.cluster = self.write(
            "cluster.yaml",
            {
                "schema": 1,
                "name": "here",
                "device": "cpu",
                "runtime": "process",
                "devices": f"{self.base}-{self.base + 7}",
                "work_dir": str(self.work_dir),
                "hosts": [{"address": "localhost"}],
            },
        )
        self.environ = {**os.environ, "LAUNCHER_RUNS": str(path / "runs")}

    def write(self, name: str, value: Any) -> Path:
        """A YAML file."""
        file = self.path / name
        file.write_text(yaml.safe_dump(value), "utf-8")
        return file

    def job(self, command: str, *, name: str = "job", ranks: int = 4, **more: Any) -> Path:
        """A job whose ranks run a line of shell."""
        job = {"schema": 1, "name": name, "ranks": ranks, "launch": "none", "command": ["sh", "-c", command]}
        return self.write(f"{name}.yaml", {**job, **more})

    def launcher(self, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "launcher", *map(str, words)],
            cwd=cwd or self.path,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=ENDED,
        )

    def popen(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "launcher", *map(str, words)],
            cwd=self.path,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, job: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """`launcher run` on this place's cluster."""
        return self.launcher("run", job, "-c", self.cluster, *words)

    def detached(self, job: Path, *words: str) -> str:
        """Start a run and return its id."""
        done = self.run(job, "--detach", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def directory(self, run: str) -> Path:
        """The run's directory here."""
        return self.path / "runs" / run

    def events(self, run: str) -> list[dict[str, Any]]:
        """What the supervisor wrote so far."""
        file = self.directory(run) / "events.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def result(self, run: str) -> dict[str, Any]:
        """result.json."""
        return dict(json.loads((self.directory(run) / "result.json").read_text("utf-8")))

    def only_run(self) -> str:
        """Id of the one run there is."""
        (directory,) = (self.path / "runs").iterdir()
        return directory.name

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """The first true value; fails after a minute."""
        deadline = time.monotonic() + ENDED
        while time.monotonic() < deadline:
            if value := what():
                return value
            time.sleep(0.02)
        raise AssertionError(f"never came true: {what}")

    def until_running(self, run: str, ranks: int = 4) -> list[int]:
        """Pids of the rank scripts, once all run."""

        def pids() -> list[int] | None:
            running = {
                event["key"]: event["pid"]
                for event in self.events(run)
                if event["event"] == "member" and event["state"] == "running"
            }
            return list(running.values()) if len(running) == ranks else None

        return list(self.wait_for(pids))

    def supervisor_pid(self, run: str) -> int:
        """Pid of the latest supervisor."""
        owners = [event["owner"] for event in self.events(run) if event["event"] == "supervisor"]
        return int(owners[-1].split()[1])

    def processes(self) -> list[int]:
        """Every process that carries a run of this place."""
        runs = [path.name for path in (self.path / "runs").glob("*")]
        return [pid for run in runs for pid in labelled(run)]

    def locks(self) -> list[str]:
        """Device locks of this place that are held."""
        names = [f"cpu-{self.base + index}" for index in range(8)]
        return [name for name in names if (Path("/var/tmp/launcher-locks") / name).exists()]

    def assert_nothing_left(self) -> None:
        """No process, lock or secret of any run of this place."""
        assert self.processes() == []
        assert self.locks() == []
        for run in (self.path / "runs").glob("*"):
            assert not list(Path("/dev/shm").glob(f"launcher-*/{run.name}"))


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


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place that leaves nothing behind, whatever the test did."""
    here = Place(tmp_path)
    yield here
    for directory in (tmp_path / "runs").glob("*"):
        supervisors = [e["owner"] for e in here.events(directory.name) if e["event"] == "supervisor"]
        for pid in [int(owner.split()[1]) for owner in supervisors] + here.processes():
            if is_alive(pid) and (pid in here.processes() or _is_supervisor(pid)):
                os.kill(pid, signal.SIGKILL)


def _is_supervisor(pid: int) -> bool:
    try:
        return b"launcher.run.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
