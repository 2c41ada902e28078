"""Plans from small cluster and job files, changed key by key."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import SpecError
from launcher.plan.build import plan
from launcher.plan.model import Binding, Plan
from launcher.spec.load import Spec, load
from tests.unit.launcher.plan.rank_process import ENDED, Rank

LOCAL = {
    "schema": 1,
    "name": "here",
    "device": "cpu",
    "runtime": "process",
    "devices": "0-7",
    "hosts": [{"address": "localhost"}],
}
ASCEND = {
    "schema": 1,
    "name": "lab",
    "device": "ascend910b",
    "devices": "0-7",
    "work_dir": "/data/launcher",
    "hosts": [
        {
            "address": f"node{number}",
            "host_ip": f"192.0.2.{number}",
            "device_gid": 1000,
            "device_ips": {device: f"198.51.100.{10 * number + device}" for device in range(8)},
        }
        for number in (1, 2)
    ],
}
JOB = {"schema": 1, "name": "work", "ranks": 4, "command": ["true"], "image": "image:1"}


class Plans:
    """Loads and plans; keys of `job` and `cluster` replace those of a small job and cluster."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def spec(
        self,
        job: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        *,
        ascend: bool = False,
    ) -> Spec:
        self._write("job.yaml", {**JOB, **(job or {})})
        self._write("cluster.yaml", {**deepcopy(ASCEND if ascend else LOCAL), **(cluster or {})})
        secrets = {name: "set" for name in (job or {}).get("secrets", ())}
        return load(
            self.directory / "cluster.yaml",
            self.directory / "job.yaml",
            environ={"HOME": "/home/me", **secrets},
        )

    def plan(
        self,
        job: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        *,
        ascend: bool = False,
        binding: Binding | None = None,
    ) -> Plan:
        return plan(self.spec(job, cluster, ascend=ascend), binding)

    def problems(self, *args: Any, **kwargs: Any) -> list[str]:
        with pytest.raises(SpecError) as caught:
            self.plan(*args, **kwargs)
        return [str(problem).replace(f"{self.directory}/", "") for problem in caught.value.problems]

    def template(self, text: str, name: str = "own.sh.j2") -> dict[str, Any]:
        """A template beside the job file; gives the keys of a job that uses it."""
        (self.directory / name).write_text(text, "utf-8")
        return {"command": None, "script": {"template": name}}

    def _write(self, name: str, value: dict[str, Any]) -> None:
        kept = {key: each for key, each in value.items() if each is not None}
        text = json.dumps(_literal(kept), ensure_ascii=False)  # which is YAML whose texts are all quoted
        (self.directory / name).write_text(text, "utf-8")


def _literal(value: Any) -> Any:
    """`${` is written `$${`, so that it is no reference to a variable."""
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_literal(each) for each in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    return Plans(tmp_path)


@pytest.fixture
def environment() -> Callable[..., dict[str, str]]:
    """Environment of a member of a plan."""
    return lambda made, key="0": dict(next(each for each in made.members if each.key == key).environment)


@pytest.fixture
def rank(plans: Any, tmp_path: Path) -> Iterator[Rank]:
    made = Rank(plans, tmp_path)
    yield made
    for process in made.started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(ENDED)
