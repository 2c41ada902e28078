"""A gang of containers that are processes, on this machine with a Docker that is a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from launcher.claims import lease
from launcher.hosts import LocalHost, Stream
from launcher.plan.model import Binding, Container, HostPlan, Owner, Plan
from launcher.runtime.container import ContainerRuntime
from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.plan.conftest import Plans

RUN = "work-20260101-0a1b2c"
HOST = LocalHost("node1")
RUNTIME = ContainerRuntime()


class Gang:
    """Two ranks of an attempt on one host, with a lease, and containers that are processes."""

    def __init__(self, docker: FakeDocker, path: Path) -> None:
        owners = {"node1": Owner(uid=str(os.getuid()), gid="8")}
        self.docker = docker
        self.plan: Plan = Plans(path).plan(
            {"ranks": 2, "volumes": {"output": {}}},
            {"work_dir": str(path / "work")},
            ascend=True,
            binding=Binding(run_id=RUN, attempt="1", owners=owners),
        )
        self.part: HostPlan = self.plan.hosts[0]
        for name in self.part.directories:
            Path(name).mkdir(parents=True)
        self.state = Path(self.part.attempt_dir) / "state"
        lease.take(HOST, self.part.run_dir, 1, "me", "docker")
        self._processes: list[subprocess.Popen[bytes]] = []

    def replace_containers(self, change: Callable[[Container], Container]) -> None:
        """Change what every container is to be."""
        members = [replace(each, container=change(each.container)) for each in self.plan.members]
        self.plan = replace(self.plan, members=tuple(members))

    def labels(self, key: str, **more: str) -> dict[str, str]:
        """As the plan has them."""
        return {**dict(self.plan.members[int(key)].container.labels), **more}

    def start(self, key: str, **state: Any) -> subprocess.Popen[bytes]:
        """A container that runs, and has written the record that rank scripts write of themselves."""
        process = subprocess.Popen(["sleep", "600"])
        self._processes.append(process)
        self.docker.add(f"c{key}", self.labels(key), process.pid, **state)
        (self.state / f"{key}.pid").write_text("1 2 of-the-container 5\n")
        return process

    def watch(self) -> Stream:
        return RUNTIME.watch(HOST, self.plan, self.part)

    def stop(self, *, kill: bool, epoch: int = 1) -> None:
        RUNTIME.stop(HOST, self.plan, self.part, epoch, kill=kill)

    def close(self) -> None:
        """End what was started."""
        for process in self._processes:
            process.kill()
            process.wait()
