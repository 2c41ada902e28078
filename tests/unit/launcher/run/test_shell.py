"""The container of `launcher shell`: a rank's, for one who is alone in it; and nothing is left of it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.claims import locks
from launcher.errors import DevicesHeld, UsageError
from launcher.hosts import LocalHost
from launcher.plan.model import Binding
from launcher.run.shell import open_shell, shell_container
from launcher.spec.cluster import Ssh
from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.plan.conftest import ASCEND, Plans

BINDING = Binding(run_id="shell-20260101-0a1b2c", attempt="1")


@pytest.fixture
def plans(tmp_path: Path) -> Plans:
    return Plans(tmp_path)


def test_it_is_a_ranks_container_without_the_gang(plans: Plans) -> None:
    job = {
        "ranks": 2,
        "env": {"MINE": "x y"},
        "volumes": {"output": {}, "data": {"source": "/d", "target": "/t"}},
    }
    member = plans.plan(job, {"work_dir": "/w"}, ascend=True, binding=BINDING).members[1]
    container = shell_container(member)
    environment = dict(container.environment)
    assert environment["MINE"] == "x y"
    assert (environment["RANK_ID"], environment["RANK_SIZE"]) == ("0", "1")
    assert not {"RANK_TABLE_FILE", "MS_ROLE", "GLOG_log_dir"} & set(environment)
    assert [mount.target for mount in container.mounts if mount.target.startswith("/run/launcher")] == []
    assert {"/t", "/launcher/output"} <= {mount.target for mount in container.mounts}
    assert container.devices == member.container.devices
    assert container.name == f"{member.container.name}-shell"
    assert container.command[:2] == ("/bin/sh", "-c")


def test_processes_have_no_container(plans: Plans) -> None:
    with pytest.raises(UsageError, match="there is no container to be in"):
        shell_container(plans.plan(binding=BINDING).members[0])


@pytest.fixture
def here(plans: Plans, docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The spec of a job in containers on this machine, whose locks nobody else uses."""
    monkeypatch.setattr(locks, "LOCKS", str(tmp_path / "locks"))
    host = {"address": "localhost", "host_ip": "127.0.0.1", "device_ips": ASCEND["hosts"][0]["device_ips"]}
    cluster = {"work_dir": str(tmp_path / "work"), "devices": "0-1", "hosts": [host]}
    host["device_ips"] = {device: host["device_ips"][device] for device in (0, 1)}
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("print()")
    volumes = {"code": {"source": str(tmp_path / "code")}, "output": {}}
    return plans.spec({"ranks": 1, "volumes": volumes}, cluster, ascend=True)


def test_a_shell_gets_one_device_and_leaves_nothing(here, docker: FakeDocker, tmp_path: Path) -> None:
    assert open_shell(here, None, terminal=False) == 0
    ((_, *words),) = docker.asked("run")
    assert words[:2] == ["--rm", "--interactive"] and "--device=/dev/davinci0" in words
    assert not any(word.startswith("--device=/dev/davinci1") for word in words)
    assert list((tmp_path / "locks").iterdir()) == []
    assert list((tmp_path / "work/runs").iterdir()) == []
    assert [code.name for code in (tmp_path / "work/code").glob("*/main.py")] == ["main.py"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_leaves_nothing_either(
    here, docker: FakeDocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(LocalHost, "attend", lambda *_, **__: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as ended:
        open_shell(here, None, terminal=False)
    assert ended.value.code == 128 + number
    assert list((tmp_path / "locks").iterdir()) == []
    assert list((tmp_path / "work/runs").iterdir()) == []


def test_its_container_goes_from_the_docker_that_has_it(here, docker: FakeDocker) -> None:
    docker.set(another_without_sudo=True)
    cluster = here.cluster.model_copy(update={"ssh": Ssh(sudo=True)})
    open_shell(replace(here, cluster=cluster), None, terminal=False)
    ((_, *words),) = docker.asked("run")
    name = next(word.removeprefix("--name=") for word in words if word.startswith("--name="))
    assert docker.asked("rm") == [["rm", "--force", "--volumes", name]]


def test_its_exit_code_is_what_the_command_gives(here, docker: FakeDocker) -> None:
    docker.set(code=7)
    assert open_shell(here, "localhost", terminal=False) == 7


def test_a_device_that_is_held_is_passed_over(here, docker: FakeDocker, tmp_path: Path) -> None:
    hold(tmp_path, "npu-0")
    open_shell(here, None, terminal=False)
    (words,) = docker.asked("run")
    assert "--device=/dev/davinci1" in words
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["npu-0"]


def test_where_all_devices_are_held_there_is_no_shell(here, docker: FakeDocker, tmp_path: Path) -> None:
    hold(tmp_path, "npu-0", "npu-1")
    with pytest.raises(DevicesHeld, match="npu-1 is held by run other"):
        open_shell(here, None, terminal=False)
    assert docker.asked("run") == []
    assert list((tmp_path / "work/runs").iterdir()) == []


def hold(tmp_path: Path, *names: str) -> None:
    """Another run has these devices."""
    from launcher.claims import lease

    class Part:
        run_dir = str(tmp_path / "other")

    Part.locks = names
    lease.take(LocalHost(), Part.run_dir, 1, "bob@here 1 2 3", "process")
    locks.acquire(LocalHost(), Part, 1, "other", "bob@here 1 2 3")


def test_a_host_that_there_is_not(here) -> None:
    with pytest.raises(UsageError, match="no host nowhere in the cluster file") as raised:
        open_shell(here, "nowhere", terminal=False)
    assert raised.value.hint == "its hosts: localhost"
