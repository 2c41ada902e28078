"""Runs for tests of logs: the files that a run leaves on its hosts and here, without its processes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.files import write_atomically, write_json
from launcher.hosts import Endpoint
from launcher.plan import store
from launcher.plan.build import plan as make_plan
from launcher.plan.layout import log_name
from launcher.plan.model import Binding, Plan
from launcher.run.rundir import RunDir
from launcher.spec.load import load

RUN_ID = "t-20260131-0a1b2c"


@dataclass(frozen=True)
class FakeRun:
    """A run of some ranks on this machine, whose work directory is not where its run directory is."""

    directory: RunDir
    work_dir: Path
    ranks: int
    command: Sequence[str]

    def begin(self, attempt: int = 1) -> Plan:
        """Write the plan of an attempt, and make its directories on the host."""
        plan = _plan(self, attempt)
        self.directory.attempt(attempt).mkdir(parents=True)
        for path in plan.hosts[0].directories:
            Path(path).mkdir(parents=True, exist_ok=True)
        write_atomically(self.directory.plan(attempt), store.to_json(plan))
        return plan

    def write(self, plan: Plan, key: str, text: str | bytes) -> None:
        """Append to a log on the host."""
        with open(Path(plan.hosts[0].attempt_dir) / log_name(key) / "log.txt", "ab") as log:
            log.write(text.encode() if isinstance(text, str) else text)

    def end(self, plan: Plan, *keys: str) -> None:
        """Members have ended."""
        for key in keys or plan.hosts[0].members:
            (Path(plan.hosts[0].attempt_dir) / "state" / f"{key}.end").write_text("0 0.0\n")

    def collect(self, plan: Plan) -> None:
        """Copy the logs here."""
        for key in plan.hosts[0].members:
            source = Path(plan.hosts[0].attempt_dir) / log_name(key)
            shutil.copytree(source, self.directory.log(plan.binding.attempt, key))

    def show_on_host(self, finished: int | None = 0, *, epoch: int = 1, renewed: int = 0) -> Path:
        """The run directory on the host, with a lease and, where it has ended, its exit code."""
        host = self.work_dir / "runs" / self.directory.run_id
        (host / f"lease/epoch-{epoch}").mkdir(parents=True)
        (host / "lease/renewed").touch()
        os.utime(host / "lease/renewed", (renewed, renewed))
        (host / f"lease/epoch-{epoch}/owner").write_text("somebody@elsewhere 1 1 boot\n")
        if finished is not None:
            (host / "finished").write_text(f"{finished}\n")
        return host

    def finish(self, *, collected: bool = True) -> None:
        """The supervisor has written its result."""
        write_json(self.directory.result, {"schema": 1, "exit_code": 0, "collected": collected})


def make_run(root: Path, ranks: int = 3, command: Sequence[str] = ("true",)) -> FakeRun:
    """A run that has not begun an attempt."""
    directory = RunDir(root / "runs" / RUN_ID)
    directory.path.mkdir(parents=True)
    write_json(directory.about, {"schema": 1, "run": RUN_ID})
    directory.keep_endpoints({"localhost": Endpoint(label="localhost", address="localhost")})
    return FakeRun(directory, root / "work", ranks, command)


def _plan(run: FakeRun, attempt: int) -> Plan:
    root, ranks = run.directory.path.parent, run.ranks
    cluster = {
        "schema": 1,
        "name": "t",
        "device": "cpu",
        "runtime": "process",
        "devices": f"0-{ranks - 1}",
        "work_dir": str(run.work_dir),
        "hosts": [{"address": "localhost"}],
    }
    job = {"schema": 1, "name": "t", "ranks": ranks, "launch": "dynamic", "command": [*run.command]}
    (root / "cluster.yaml").write_text(json.dumps(cluster))
    (root / "job.yaml").write_text(json.dumps(job))
    spec = load(root / "cluster.yaml", root / "job.yaml", environ={"HOME": str(root)})
    return make_plan(spec, Binding(run_id=RUN_ID, attempt=str(attempt), scheduler_port="1"))
