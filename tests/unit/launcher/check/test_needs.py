"""What is needed of a host, from cluster and job."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from launcher.check.needs import Source, of_cluster, of_job
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
