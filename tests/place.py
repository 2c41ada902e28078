"""A place of its own for each end-to-end test: a directory from which the `launcher` command runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from launcher.run.launch import create_run
from launcher.spec.load import load

REPOSITORY = Path(__file__).parents[1]
DIE_AT = Path(__file__).with_name("e2e") / "die_at.py"


class Place:
    """Runs the `launcher` command in a directory of its own, on the cluster of the cluster file there."""

    before: tuple[str, ...] = ()
    """Words before each command: where it runs."""
    patience = 60.0
    """Seconds that a command, or what is waited for, may take."""

    def __init__(self, path: Path, cluster: dict[str, Any]) -> None:
        self.path = path
        self.environ = {**os.environ, "LAUNCHER_RUNS": str(path / "runs")}
        self.cluster = self.write("cluster.yaml", cluster)

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
            [*self.before, sys.executable, "-m", "launcher", *map(str, words)],
            cwd=cwd or self.path,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=self.patience,
        )

    def popen(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [*self.before, sys.executable, "-m", "launcher", *map(str, words)],
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

    def run_well(self, job: str, *settings: str) -> None:
        """Run jobs/<job>.yaml of this repository to a good end; settings are those of --set."""
        words = [word for setting in settings for word in ("--set", setting)]
        done = self.run(REPOSITORY / "jobs" / f"{job}.yaml", *words)
        assert done.returncode == 0, done.stdout + done.stderr

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

    def until_there(self) -> str:
        """Id of the one run there is, once its directory is there: that of all runs is made before it."""
        self.wait_for(self.runs)
        return self.only_run()

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """The first true value; fails when patience ends."""
        deadline = time.monotonic() + self.patience
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

    def die(self, job: Path, moment: str, which: str | int) -> str:
        """Start a run whose supervisor dies at a moment, and wait for its death; returns the run id."""
        os.environ["LAUNCHER_RUNS"] = self.environ["LAUNCHER_RUNS"]
        try:
            directory = create_run(load(self.cluster, job, environ=self.environ), ())
        finally:
            del os.environ["LAUNCHER_RUNS"]
        done = subprocess.run(
            [sys.executable, str(DIE_AT), str(directory.path), moment, str(which)],
            env={**self.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            timeout=2 * self.patience,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        return directory.run_id

    def runs(self) -> list[str]:
        """Ids of all runs."""
        return [path.name for path in (self.path / "runs").glob("*")]

    def end_supervisors(self) -> None:
        """No supervisor of this place outlives its test."""
        for run in self.runs():
            for event in self.events(run):
                if event["event"] == "supervisor" and self._is_ours(pid := int(event["owner"].split()[1])):
                    os.kill(pid, signal.SIGKILL)

    def _is_ours(self, pid: int) -> bool:
        """A process that a command of this place has become, or started."""
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return f"LAUNCHER_RUNS={self.environ['LAUNCHER_RUNS']}".encode() in environ


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
