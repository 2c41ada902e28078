"""What Docker on a host says of itself, and what a host gives to containers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from docker import APIClient

from launcher.check import Level, examine
from launcher.check.engine import ask_engine
from launcher.check.facts import Engine
from launcher.check.host_needs import HostNeeds, Source
from launcher.check.hosts import gather
from launcher.check.needs import of_job
from launcher.hosts import LocalHost
from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.plan.conftest import Plans

HERE = LocalHost("here")
NODES = ("/dev/davinci0", "/dev/davinci1")


@pytest.fixture
def needs(tmp_path: Path) -> HostNeeds:
    return HostNeeds(work_dir=str(tmp_path), processes=False, path="", locks=())


def test_a_docker_that_is_there(docker: FakeDocker, needs: HostNeeds) -> None:
    assert ask_engine(HERE, needs) == Engine(
        version="27.1.1", architecture="arm64", security=("name=seccomp",), runtimes=("runc",)
    )
    assert examine({"here": needs}, {"here": HERE}) == []


def test_an_image_of_any_name_is_looked_for(docker: FakeDocker, needs: HostNeeds, hostile: str) -> None:
    name = hostile.replace("/", "").strip(".") or "i:1"  # such a name is refused where jobs are read
    docker.set(images={name: "amd64", "other": "arm64"})
    assert ask_engine(HERE, replace(needs, image=name)).image_architecture == "amd64"


def test_an_image_that_is_not_there(docker: FakeDocker, needs: HostNeeds) -> None:
    docker.set(images={"repo/other:1": "arm64"})
    (finding,) = examine({"here": replace(needs, image="repo/image:1")}, {"here": HERE})
    assert finding.rule == "image" and finding.level is Level.ERROR
    assert "image repo/image:1 is not there, nor on any other host" in finding.words


def test_an_oci_runtime_is_asked_for_where_one_is_needed(docker: FakeDocker, needs: HostNeeds) -> None:
    docker.set(runtimes=["runc", "ascend"])
    asked = ask_engine(HERE, replace(needs, oci_runtime="ascend"))
    assert asked.runtimes == ("runc", "ascend")


def test_devices_that_containers_have(docker: FakeDocker, needs: HostNeeds) -> None:
    docker.add("stopped", {}, host_config={"Privileged": True})
    pid = 1
    docker.add("neighbour", {}, pid, host_config={"Devices": [{"PathOnHost": "/dev/davinci1"}]})
    docker.add("without", {}, pid, host_config={"Devices": []})
    asking = replace(needs, device_nodes=NODES)
    assert ask_engine(HERE, asking).taken == (("/dev/davinci1", "neighbour"),)
    docker.add("everything", {}, pid, host_config={"Privileged": True})
    assert [name for _, name in ask_engine(HERE, asking).taken] == ["neighbour", "everything", "everything"]
    assert [each.rule for each in examine({"here": asking}, {"here": HERE})] == ["containers"] * 3


def test_devices_that_the_ascend_docker_runtime_gives(docker: FakeDocker, needs: HostNeeds) -> None:
    docker.add("plain", {}, 1, env=["ASCEND_VISIBLE_DEVICES=0"])
    ascend = {"Runtime": "ascend"}
    docker.add("none", {}, 1, host_config=ascend)
    docker.add("others", {}, 1, host_config=ascend, env=["ASCEND_VISIBLE_DEVICES=2-7"])
    docker.add("neighbour", {}, 1, host_config=ascend, env=["PATH=/bin", "ASCEND_VISIBLE_DEVICES=1-2,4"])
    asked = ask_engine(HERE, replace(needs, device_nodes=NODES))
    assert asked.taken == (("/dev/davinci1", "neighbour"),)


@pytest.mark.parametrize(("path", "names"), [("/dev/", ["all", "all"]), ("/dev", ["all", "all"]), ("/d", [])])
def test_a_directory_of_devices(docker: FakeDocker, needs: HostNeeds, path: str, names: list[str]) -> None:
    docker.add("all", {}, 1, host_config={"Devices": [{"PathOnHost": path}]})
    asked = ask_engine(HERE, replace(needs, device_nodes=NODES))
    assert [name for _, name in asked.taken] == names


def test_a_container_that_ends_while_it_is_looked_at_has_no_device(
    docker: FakeDocker, needs: HostNeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.add("short", {}, 1)
    listed = APIClient.containers

    def list_and_end(api: APIClient, *words: object, **options: object) -> object:
        found = listed(api, *words, **options)
        for each in (docker.place / "containers").iterdir():
            each.unlink()
        return found

    monkeypatch.setattr(APIClient, "containers", list_and_end)
    asked = ask_engine(HERE, replace(needs, device_nodes=NODES))
    assert (asked.refusal, asked.taken) == ("", ())


def test_a_docker_that_may_not_be_called_is_a_finding_with_its_remedy(
    docker: FakeDocker, needs: HostNeeds
) -> None:
    docker.set(needs_sudo=True)
    (finding,) = examine({"here": replace(needs, image="i:1")}, {"here": HERE})
    assert (finding.rule, finding.level) == ("docker", Level.ERROR)
    assert finding.words.startswith("permission denied") and "sudo: true" in finding.remedy
    assert ask_engine(HERE, replace(needs, sudo=True)).refusal == ""


def test_a_docker_that_hangs_is_a_finding_beside_all_others_of_its_host(
    docker: FakeDocker, needs: HostNeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.set(deaf=True)
    monkeypatch.setattr("launcher.check.engine.PATIENCE", 1.0)
    disk, silent = examine({"here": replace(needs, disk=10**18)}, {"here": HERE})
    assert (silent.rule, silent.words) == ("docker", "Docker did not answer within 1 s")
    assert "systemctl status docker" in silent.remedy and disk.rule == "disk"


def test_a_docker_that_hangs_up_is_one_too(docker: FakeDocker, needs: HostNeeds) -> None:
    docker.put_program("docker", "read line; kill -KILL $$")
    (finding,) = examine({"here": needs}, {"here": HERE})
    assert finding.rule == "docker" and finding.words.startswith("Docker hung up: ")


def test_where_ranks_are_processes_docker_is_not_asked(docker: FakeDocker, needs: HostNeeds) -> None:
    assert gather(HERE, replace(needs, processes=True)).engine is None
    assert not docker.noted.exists()


def test_paths_of_the_driver_that_are_not_there(
    docker: FakeDocker, needs: HostNeeds, tmp_path: Path, hostile: str
) -> None:
    there = tmp_path / "driver"
    there.mkdir()
    lacking = f"{tmp_path}/none/{hostile}/x"
    facts = gather(HERE, replace(needs, paths=(str(there), lacking, "/dev/null")))
    assert facts.lacking == (lacking.replace("\n", " ").strip(),)
    assert not (tmp_path / "hacked").exists()


def test_both_lists_of_paths_are_kept_apart(docker: FakeDocker, needs: HostNeeds, tmp_path: Path) -> None:
    sources = (Source("a", str(tmp_path), False, False), Source("b", f"{tmp_path}/none", False, False))
    facts = gather(HERE, replace(needs, sources=sources, paths=("/none/1", "/dev", "/none/2")))
    assert [each.state for each in facts.sources] == ["writable", "missing"]
    assert facts.lacking == ("/none/1", "/none/2")


def test_what_containers_of_a_job_need(tmp_path: Path) -> None:
    spec = Plans(tmp_path)
    job, cluster = {"ranks": 2, "volumes": {"output": {}}}, {"ssh": {"sudo": True}}
    needs = of_job(spec.spec(job, cluster, ascend=True), spec.plan(job, cluster, ascend=True))["node1"]
    assert (needs.image, needs.sudo, needs.processes) == ("image:1", True, False)
    assert needs.device_nodes == NODES and needs.oci_runtime is None
    assert {*NODES, "/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc"} <= set(needs.paths)
    assert "/usr/local/Ascend/driver" in needs.paths
    assert len(set(needs.paths)) == len(needs.paths)


def test_the_ascend_docker_runtime_brings_its_own_devices(tmp_path: Path) -> None:
    spec = Plans(tmp_path)
    cluster = {"driver": {"docker_runtime": True}}
    needs = of_job(spec.spec({}, cluster, ascend=True), spec.plan({}, cluster, ascend=True))["node1"]
    assert needs.oci_runtime == "ascend"
    assert "/dev/davinci_manager" not in needs.paths and needs.device_nodes[0] == "/dev/davinci0"


def test_containers_without_a_device_need_nothing_of_a_driver(tmp_path: Path) -> None:
    spec = Plans(tmp_path)
    cluster = {"runtime": "docker"}
    needs = of_job(spec.spec({}, cluster), spec.plan({}, cluster))["localhost"]
    assert (needs.paths, needs.device_nodes, needs.oci_runtime) == ((), (), None)
