"""What is needed of a host, from cluster and job."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from launcher.check.host_needs import Source
from launcher.check.needs import before_a_run, in_depth, of_cluster, of_job
from launcher.errors import SpecError
from launcher.plan.build import plan
from launcher.spec.load import load

CLUSTER = {
    "schema": 1,
    "name": "c",
    "device": "cpu",
    "runtime": "process",
    "devices": "4-7",
    "path": ["/opt/py/bin", "/opt/bin"],
    "hosts": [{"address": "localhost"}],
}
JOB = {"schema": 1, "name": "j", "ranks": 2, "command": ["python3.11", "-m", "train"]}


def read(path: Path, cluster: dict, job: dict):
    for name, value in (("cluster.yaml", cluster), ("job.yaml", job)):
        (path / name).write_text(yaml.safe_dump(value, sort_keys=False))
    environ = {"TOKEN": "x", "HOME": "/root"}
    return load(path / "cluster.yaml", path / "job.yaml", environ=environ)


def needs_of(path: Path, cluster: dict, job: dict):
    spec = read(path, cluster, job)
    return of_job(spec, plan(spec))


def test_a_cluster_alone_needs_its_devices_free(tmp_path):
    needs = of_cluster(read(tmp_path, CLUSTER, JOB).cluster)["localhost"]
    assert needs.locks == ("cpu-4", "cpu-5", "cpu-6", "cpu-7")
    assert (needs.work_dir, needs.processes, needs.path) == (None, True, "/opt/py/bin:/opt/bin")
    assert (needs.ranks, needs.packages, needs.sources) == (0, (), ())


def test_a_job_adds_what_it_asks_for(tmp_path):
    job = {
        **JOB,
        "launch": "dynamic",
        "secrets": ["TOKEN"],
        "env": {"B": "2", "A": "1"},
        "needs": {"memory_per_rank": "2GB", "disk": "1GiB", "packages": ["numpy<2"]},
    }
    needs = needs_of(tmp_path, CLUSTER, job)["localhost"]
    assert needs.locks == ("cpu-4", "cpu-5")
    assert (needs.ranks, needs.memory_per_rank, needs.disk) == (2, 2 * 10**9, 2**30)
    assert needs.scheduler and needs.secrets
    assert (needs.packages, needs.python) == (("numpy<2",), "python3.11")
    assert needs.env == (("A", "1"), ("B", "2"))


def test_ranks_that_do_not_meet_need_no_port(tmp_path):
    assert not needs_of(tmp_path, CLUSTER, {**JOB, "launch": "none"})["localhost"].scheduler


def test_another_command_is_run_by_any_python(tmp_path):
    assert needs_of(tmp_path, CLUSTER, {**JOB, "command": ["sh", "-c", "x"]})["localhost"].python is None


def test_the_host_wins_over_the_cluster(tmp_path):
    cluster = {
        **CLUSTER,
        "work_dir": "/a",
        "hosts": [{"address": "localhost", "work_dir": "/b", "path": ["/c"]}],
    }
    needs = needs_of(tmp_path, cluster, JOB)["localhost"]
    assert (needs.work_dir, needs.path) == ("/b", "/c")


def test_packages_in_containers_are_the_images(tmp_path):
    cluster = {**CLUSTER, "runtime": "docker"}
    job = {**JOB, "image": "i:1", "needs": {"packages": ["numpy"]}, "volumes": {"output": {"source": "/o"}}}
    needs = needs_of(tmp_path, cluster, job)["localhost"]
    assert needs.packages == () and not needs.processes
    assert needs.sources == (Source("output", "/o", writable=True, may_be_made=False),)


def test_volumes_that_lie_on_the_host(tmp_path):
    volumes = {
        "code": {"source": str(tmp_path)},
        "output": {},
        "dataset": {"source": "/data"},
        "cache": {"source": "/cache", "read_only": False},
    }
    assert needs_of(tmp_path, CLUSTER, {**JOB, "volumes": volumes})["localhost"].sources == (
        Source("dataset", "/data", writable=False, may_be_made=False),
        Source("cache", "/cache", writable=True, may_be_made=True),
    )


def test_what_is_no_requirement_is_named_with_its_place(tmp_path):
    job = {**JOB, "needs": {"packages": ["numpy<2", "numpy=2", "not a name"]}}
    with pytest.raises(SpecError) as raised:
        needs_of(tmp_path, CLUSTER, job)
    assert len(raised.value.problems) == 2
    assert all(problem.line > 1 for problem in raised.value.problems)
    assert "not a Python requirement: 'numpy=2'" in str(raised.value)


LAB = {
    "schema": 1,
    "name": "lab",
    "device": "ascend910b",
    "devices": "0-1",
    "hosts": [
        {
            "address": f"n{number}",
            "host_ip": f"192.0.2.{number}",
            "device_gid": 1000,
            "device_ips": {0: f"198.51.100.{number}0", 1: f"198.51.100.{number}1"},
        }
        for number in (1, 2, 3)
    ],
}
WORK = {**JOB, "ranks": 4, "image": "i:1", "volumes": {"dataset": {"source": "/data"}, "output": {}}}


def test_a_cluster_of_npus_needs_them_their_driver_and_their_neighbours(tmp_path):
    needs = of_cluster(read(tmp_path, LAB, WORK).cluster)
    assert [needs[label].hosts for label in needs] == [3, 3, 3]
    first = needs["n1"]
    assert first.device_nodes == ("/dev/davinci0", "/dev/davinci1")
    assert {*first.device_nodes, "/dev/davinci_manager", "/etc/hccn.conf"} <= set(first.paths)
    assert (first.npus.devices, first.npus.group, first.npus.meet) == ((0, 1), 1000, True)
    assert [(peer.address, peer.host) for peer in needs["n3"].npus.peers if peer.device == 1] == [
        ("198.51.100.11", "n1"),
        ("198.51.100.21", "n2"),
        ("198.51.100.10", "n1"),
        ("198.51.100.20", "n2"),
    ]
    assert first.hccl_ports and not first.hccl_ports_are_used
    assert first.oci_runtime is None
    assert first.compared == ()


def test_a_cluster_whose_devices_docker_gives_needs_the_runtime_that_does(tmp_path):
    lab = {**LAB, "driver": {"docker_runtime": True}}
    assert {each.oci_runtime for each in of_cluster(read(tmp_path, lab, WORK).cluster).values()} == {"ascend"}


def test_a_job_needs_only_what_it_uses(tmp_path):
    needs = needs_of(tmp_path, LAB, WORK)
    assert list(needs) == ["n1", "n2"] and needs["n1"].hosts == 2
    assert {peer.host for peer in needs["n2"].npus.peers} == {"n1"}
    assert needs["n1"].compared == ("/data",) and needs["n1"].hccl_ports == ()
    assert "/etc/hccn.conf" in needs["n1"].paths
    alone = needs_of(tmp_path, LAB, {**WORK, "ranks": 2})["n1"]
    assert (alone.hosts, alone.npus.meet, alone.npus.peers, alone.compared) == (1, False, (), ())


@pytest.mark.parametrize(("launch", "meet"), [("dynamic", True), ("rank_table", False), ("none", False)])
def test_by_which_address_ranks_meet(tmp_path, launch, meet):
    found = needs_of(tmp_path, LAB, {**WORK, "launch": launch})["n1"]
    assert (found.host_ip, found.ifname, found.meets_by_address) == ("192.0.2.1", None, meet)
    assert needs_of(tmp_path, LAB, {**WORK, "ranks": 2})["n1"].host_ip is None


def test_in_depth_all_npus_that_meet_are_pinged_and_data_read_whole(tmp_path):
    found = in_depth(of_cluster(read(tmp_path, LAB, WORK).cluster))
    assert sum(len(each.npus.peers) for each in found.values()) == 3 * 2 * 2
    assert all(each.is_deep for each in found.values())
    apart = in_depth(needs_of(tmp_path, LAB, {**WORK, "launch": "none"}))
    assert apart["n1"].npus.peers == () and apart["n1"].is_deep
    assert in_depth(needs_of(tmp_path, CLUSTER, JOB))["localhost"].npus is None


def test_before_a_run_only_a_dataset_is_compared(tmp_path):
    volumes = {
        "dataset": {"source": "/data"},
        "words": {"source": "/words", "target": "/w", "read_only": True},
    }
    needs = needs_of(tmp_path, LAB, {**WORK, "volumes": volumes})["n1"]
    assert needs.compared == ("/data", "/words")
    assert before_a_run(needs).compared == ("/data",)


def test_ranks_without_a_rank_table_need_the_ports_of_hccl(tmp_path):
    job = {**WORK, "launch": "dynamic", "env": {"HCCL_IF_BASE_PORT": "50000"}}
    needs = needs_of(tmp_path, LAB, job)["n1"]
    assert needs.hccl_ports[0] == 50000 and needs.hccl_ports_are_used


def test_ranks_that_do_not_meet_need_no_answer_of_other_npus(tmp_path):
    needs = needs_of(tmp_path, LAB, {**WORK, "launch": "none"})["n1"]
    assert needs.npus.peers == () and not needs.npus.meet


@pytest.mark.parametrize(
    ("user", "is_root"), [("root", True), ("0:0", True), ("daemon", False), (None, False)]
)
def test_who_is_root_in_containers(tmp_path, user, is_root):
    job = {**WORK, **({"user": user} if user else {})}
    assert needs_of(tmp_path, LAB, job)["n1"].root_in_containers is is_root
