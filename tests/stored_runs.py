"""Runs at any point of their life, made by hand: directories here and on a host, with real processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from launcher.hosts import Endpoint
from launcher.plan import store
from launcher.plan.build import plan
from launcher.plan.model import Binding, Plan
from launcher.run.events import EventLog
from launcher.run.launch import create_run
from launcher.run.rundir import RunDir
from launcher.spec.load import load

NOBODY = Endpoint(label="localhost", address="127.0.0.1", port=1)
"""A host that refuses every connection."""


class StoredRuns:
    """Runs of two ranks on this machine; `close` ends every process that it started."""

    def __init__(self, path: Path) -> None:
        self.work_dir = path / "work"
        self.cluster = self._write(
            path / "cluster.yaml",
            {
                "schema": 1,
                "name": "here",
                "device": "cpu",
                "runtime": "process",
                "devices": "0-7",
                "work_dir": str(self.work_dir),
                "hosts": [{"address": "localhost"}],
            },
        )
        self._job = path / "job.yaml"
        self._processes: list[subprocess.Popen[bytes]] = []

    def make(self, name: str = "gd", **job: Any) -> RunDir:
        """A run that has only been asked for."""
        base = {"schema": 1, "name": name, "ranks": 2, "launch": "none", "command": ["true"]}
        self._write(self._job, {**base, **job})
        return create_run(load(self.cluster, self._job, environ={"HOME": "/"}), ["ranks=2"])

    def begin(self, directory: RunDir, attempt: int = 1) -> Plan:
        """Bind an attempt and begin to watch it, here and on the host."""
        spec = load(self.cluster, self._job, environ={"HOME": "/"})
        bound = plan(spec, Binding(run_id=directory.run_id, attempt=str(attempt)))
        directory.attempt(attempt).mkdir()
        directory.plan(attempt).write_bytes(store.to_json(bound))
        for name in (*bound.hosts[0].directories, f"{bound.hosts[0].run_dir}/lease/epoch-1"):
            Path(name).mkdir(parents=True, exist_ok=True)
        (Path(bound.hosts[0].run_dir) / "lease/epoch-1/owner").write_text("ann@desk 1 2 other-boot\n")
        self.tell(directory, "supervisor", owner="ann@desk 77 2 boot", epoch=1)
        self.tell(directory, "phase", phase="watch", attempt=attempt)
        return bound

    def lose_host(self, directory: RunDir) -> None:
        """Nobody answers any more where the host of a run is."""
        directory.keep_endpoints({"localhost": NOBODY})

    def tell(self, directory: RunDir, kind: str, **fields: Any) -> None:
        """Write an event."""
        log = EventLog(directory.events)
        log.write(kind, **fields)
        log.close()

    def tell_member(self, directory: RunDir, key: str, state: str, **fields: Any) -> None:
        """Write an event about a rank."""
        rest = {"pid": 4, "exit_code": None, "ended": None, "reason": "", **fields}
        self.tell(directory, "member", key=key, host="localhost", device=int(key), state=state, **rest)

    def finish(self, directory: RunDir, code: int, outcome: str, **more: Any) -> None:
        """Write the result, as a supervisor does."""
        whole = {"schema": 1, "run": directory.run_id, "exit_code": code, "outcome": outcome, **more}
        directory.result.write_text(json.dumps(whole))
        self.tell(directory, "end", exit_code=code, outcome=outcome)

    def start_rank(self, bound: Plan, key: str) -> None:
        """A process with the record that a rank script would write of itself."""
        process = subprocess.Popen(["sleep", "600"])
        self._processes.append(process)
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.state(bound, f"{key}.pid", f"{process.pid} {start} {boot} 1795420000.5")

    def state(self, bound: Plan, name: str, text: str) -> None:
        """A file in the state directory of the host."""
        (Path(bound.hosts[0].attempt_dir) / "state" / name).write_text(f"{text}\n")

    def close(self) -> None:
        """End what was started."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _write(self, path: Path, value: Any) -> Path:
        path.write_text(yaml.safe_dump(value))
        return path
