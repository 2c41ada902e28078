"""The job that the launcher brings along, and what its ranks have left."""

from __future__ import annotations

import json

import pytest
import yaml

from launcher.errors import SpecError, UsageError
from launcher.plan.build import plan
from launcher.run.rundir import RunDir
from launcher.run.snapshot import take
from launcher.smoke.findings import Findings, read_findings
from launcher.smoke.job import JOB_FILE, sizes_override, smoke_spec
from launcher.spec.job import Volume

HERE = {"schema": 1, "name": "here", "device": "cpu", "runtime": "process", "devices": "0-3"}


@pytest.fixture
def cluster(tmp_path):
    """Writes a cluster file; keys replace those of four CPU ranks on this machine."""

    def write(**more):
        path = tmp_path / "cluster.yaml"
        path.write_text(yaml.safe_dump({**HERE, "hosts": [{"address": "localhost"}], **more}))
        return path

    return write


def smoke(path, *overrides):
    return smoke_spec(path, overrides, {"HOME": "/home/me"})


def test_all_devices_take_part(cluster):
    made = plan(smoke(cluster()))
    assert (made.ranks, made.launch, made.job) == (4, "dynamic", "smoke")
    script = dict(made.hosts[0].files)["scripts/rank-2.sh"]
    assert "--device=cpu --host=localhost" in script and "--sizes 8 1024 65536 1048576 4194304\n" in script


def test_on_npus_ranks_meet_by_the_rank_table(cluster):
    hosts = [{"address": "h", "host_ip": "192.0.2.1"}]
    made = plan(smoke(cluster(device="ascend910b", runtime="docker", hosts=hosts), "ranks=2"))
    assert (made.ranks, made.launch) == (2, "rank_table")
    assert "--device=ascend" in dict(made.hosts[0].files)["scripts/rank-1.sh"]


def test_hosts_may_be_remote_and_code_is_still_here(cluster):
    hosts = [{"address": "h1", "host_ip": "192.0.2.1"}, {"address": "h2", "host_ip": "192.0.2.2"}]
    spec = smoke(cluster(hosts=hosts, devices="0-1"))
    volume = spec.job.volumes["code"]
    assert isinstance(volume, Volume) and volume.source == str(JOB_FILE.parent / "code")
    names = take(JOB_FILE.parent / "code").names
    assert names == tuple(f"smoke_job/{name}.py" for name in ("__init__", "all_reduce", "notes", "schedule"))


@pytest.mark.parametrize("overrides", [("ranks=1",), ("launch=none",)])
def test_what_meets_nobody_is_refused(cluster, overrides):
    with pytest.raises(UsageError, match="an all-reduce needs ranks that meet"):
        smoke(cluster(), *overrides)


def test_sizes_are_words_of_people():
    assert sizes_override("8, 64KiB,1MB") == "script.parameters.sizes=[8, 65536, 1000000]"


def test_what_is_no_size_is_refused():
    with pytest.raises(UsageError, match="--sizes 8,many: expected a size"):
        sizes_override("8,many")


@pytest.mark.parametrize(
    "sizes, said",
    [
        ("[6]", "6 is no size: expected bytes, a multiple of 4"),
        ("[0]", "0 is no size"),
        ("0", "0 is no size"),
        ("[8, true]", "True is no size"),
        ("[8, 8]", "a size is given more than once"),
        ("[]", "no sizes"),
    ],
)
def test_sizes_that_cannot_be_summed_are_refused(cluster, sizes, said):
    with pytest.raises(SpecError) as caught:
        smoke(cluster(), f"script.parameters.sizes={sizes}")
    assert said in str(caught.value)


def test_the_timeouts_of_hccl_fit_each_other(cluster):
    hosts = [{"address": "h", "host_ip": "192.0.2.1"}]
    made = plan(smoke(cluster(device="ascend910b", runtime="docker", devices="0-1", hosts=hosts)))
    environment = dict(made.members[0].environment)
    timeouts = [int(environment[f"HCCL_{name}_TIMEOUT"]) for name in ("CONNECT", "EXEC")]
    assert timeouts == [120, 204]  # HCCL wants the first below the second


@pytest.fixture
def stored(cluster, tmp_path):
    """A plan, and the directory where logs of its ranks would be."""
    made = plan(smoke(cluster(), "ranks=2"))
    directory = RunDir(tmp_path / "run")
    for key in ("0", "1"):
        directory.log(made.binding.attempt, key).mkdir(parents=True)
    return made, directory


def write(stored, rank, **values):
    made, directory = stored
    path = directory.log(made.binding.attempt, str(rank)) / "smoke.json"
    path.write_text(json.dumps({"schema": 1, "rank": rank, "phase": "join", **values}))


def test_findings_of_each_rank_are_read(stored):
    write(stored, 1, sizes=[{"bytes": 8, "times": [0.5]}], new_key="ignored")
    found = read_findings(stored[1], stored[0])
    assert found[0] == Findings()
    assert found[1].phase == "join" and found[1].sizes[0].times == (0.5,)


@pytest.mark.parametrize("values, said", [({"schema": 2}, "schema 2"), ({"sizes": 7}, "not what a rank")])
def test_findings_that_cannot_be_read_are_named(stored, values, said):
    write(stored, 1, **values)
    with pytest.raises(UsageError, match=f"LOG1/smoke.json.*{said}"):
        read_findings(stored[1], stored[0])
