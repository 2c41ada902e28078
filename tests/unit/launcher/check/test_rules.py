"""Each rule finds what it is for, and nothing where all is well."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from launcher.check.facts import Engine, Facts, Place, Python
from launcher.check.judge import RULES, judge
from launcher.check.model import Finding, Level, in_words
from launcher.check.needs import HostNeeds, Source
from launcher.check.words import size
from launcher.claims.locks import Holder

GB = 10**9
NEEDS = HostNeeds(
    work_dir="/data/work",
    processes=True,
    path="",
    locks=("npu-0", "npu-1"),
    ranks=8,
    memory_per_rank=2 * GB,
    disk=50 * GB,
    scheduler=True,
    secrets=True,
    sources=(Source("dataset", "/data/wiki", writable=False, may_be_made=False),),
    packages=("numpy<2",),
    image="repo/image:1",
    oci_runtime="ascend",
    paths=("/dev/davinci_manager", "/usr/local/Ascend/driver"),
    device_nodes=("/dev/davinci0", "/dev/davinci1"),
)
ENGINE = Engine(architecture="arm64", image_architecture="arm64", runtimes=("runc", "ascend"))
FACTS = Facts(
    work_dir="/data/work",
    work_dir_refusal="",
    file_system="ext2/ext3",
    disk=100 * GB,
    cores=8,
    memory=16 * GB,
    setsid="/usr/bin/setsid",
    shm_refusal="",
    uid=1000,
    user="ann",
    machine="aarch64",
    sources=(Place("read-only"),),
    lacking=(),
    python=Python("/opt/bin/python", {"python_version": "3.11"}, {"numpy": "1.26.4"}),
    no_python="",
    engine=ENGINE,
)


def test_nothing_is_said_of_a_host_that_has_all():
    assert judge("node1", NEEDS, FACTS) == []


FAULTS = {
    "memory": ({"memory": 16 * GB - 1}, "8 ranks of 2 GB need 16 GB", "at most 7 ranks"),
    "work directory": (
        {"work_dir_refusal": "mkdir: Permission denied"},
        "mkdir: Permission denied",
        "work_dir",
    ),
    "disk": ({"disk": 50 * GB - 1}, "50 GB are free for /data/work", "launcher clean"),
    "setsid": ({"setsid": ""}, "setsid is not in PATH", "util-linux"),
    "secrets": ({"shm_refusal": "mkdir: No such file"}, "mkdir: No such file", "tmpfs"),
    "port": ({"no_port": "none of the ports is free"}, "none of the ports is free", "ss -tlnp"),
    "volumes": ({"sources": (Place("missing"),)}, "/data/wiki is not there", "--set volumes.dataset.source"),
    "packages": (
        {"python": None, "no_python": "not in PATH=/bin"},
        "not in PATH=/bin",
        "path in the cluster",
    ),
    "devices": (
        {"holders": (Holder("npu-1", "gd-1", 0.0, "ann@desk 1 2 3"),)},
        "by run gd-1 of ann@desk",
        "gd-1",
    ),
    "docker": (
        {"engine": Engine(refusal="docker: not found")},
        "docker: not found",
        "systemctl status docker",
    ),
    "image": (
        {"engine": replace(ENGINE, image_architecture=None)},
        "image repo/image:1 is not there",
        "docker save repo/image:1 |",
    ),
    "runtime": (
        {"engine": replace(ENGINE, runtimes=("runc", "io.containerd.runc.v2"))},
        "no runtime ascend, only runc, io.containerd.runc.v2",
        "driver.docker_runtime",
    ),
    "driver": (
        {"lacking": ("/dev/davinci_manager",)},
        "/dev/davinci_manager is not there",
        "`driver` and `devices`",
    ),
    "containers": (
        {"engine": replace(ENGINE, taken=(("/dev/davinci1", "somebodys"),))},
        "/dev/davinci1 is in use by container somebodys",
        "docker stop somebodys",
    ),
}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_an_error_of_its_rule_with_a_remedy(rule):
    change, words, remedy = FAULTS[rule]
    (finding,) = judge("node1", NEEDS, replace(FACTS, **change))
    assert (finding.host, finding.rule, finding.level) == ("node1", rule, Level.ERROR)
    assert words in finding.words and remedy in finding.remedy


def test_fewer_cores_than_ranks_is_a_warning():
    (finding,) = judge("node1", NEEDS, replace(FACTS, cores=2))
    assert (finding.rule, finding.level) == ("cores", Level.WARNING)
    assert finding.words == "8 ranks share 2 cores"


def test_no_number_of_ranks_is_proposed_where_not_one_fits():
    (finding,) = judge("node1", NEEDS, replace(FACTS, memory=GB))
    assert "at most" not in finding.remedy and "ps -eo" in finding.remedy


@pytest.mark.parametrize("file_system", ["nfs", "nfs4"])
def test_a_work_directory_on_nfs_is_refused(file_system):
    (finding,) = judge("node1", NEEDS, replace(FACTS, file_system=file_system))
    assert finding.rule == "work directory" and "NFS" in finding.words


def test_containers_need_neither_setsid_nor_packages():
    needs = replace(NEEDS, processes=False, packages=())
    assert judge("node1", needs, replace(FACTS, setsid="", python=None)) == []


def test_an_image_for_other_hosts_is_refused():
    engine = replace(ENGINE, image_architecture="amd64")
    (finding,) = judge("node1", NEEDS, replace(FACTS, engine=engine))
    assert (finding.rule, finding.level) == ("image", Level.ERROR)
    assert finding.words == "image repo/image:1 is for amd64, the host is arm64"


def test_docker_that_refuses_is_said_once_with_its_own_remedy():
    refused = Engine(refusal="permission denied", hint="ask for the group docker")
    (finding,) = judge("node1", NEEDS, replace(FACTS, engine=refused))
    assert (finding.rule, finding.words, finding.remedy) == (
        "docker",
        "permission denied",
        "ask for the group docker",
    )


def test_where_ranks_are_processes_docker_is_nobodys_business():
    assert judge("node1", NEEDS, replace(FACTS, engine=None)) == []


def test_every_taken_device_and_every_lacking_path_is_named():
    taken = replace(ENGINE, taken=(("/dev/davinci0", "a"), ("/dev/davinci1", "b")))
    findings = judge("node1", NEEDS, replace(FACTS, engine=taken, lacking=("/x", "/y z")))
    assert [finding.rule for finding in findings] == ["driver", "driver", "containers", "containers"]


def test_remedies_of_docker_are_one_shell_word_each(hostile):
    absent = replace(ENGINE, image_architecture=None, taken=(("/dev/davinci0", hostile),))
    image, container = judge("node1", replace(NEEDS, image=hostile), replace(FACTS, engine=absent))
    assert shlex.split(image.remedy.partition(": ")[2])[:4] == ["docker", "save", hostile, "|"]
    assert shlex.split(container.remedy.partition(": ")[2]) == ["docker", "stop", hostile]


def test_a_job_without_secrets_needs_no_shared_memory():
    assert judge("node1", replace(NEEDS, secrets=False), replace(FACTS, shm_refusal="no")) == []


VOLUMES = [
    # writable, may_be_made, state, words or None
    (False, False, "missing", "is not there"),
    (False, False, "unmakeable", "is not there"),
    (False, False, "unreadable", "may not be read"),
    (False, False, "read-only", None),
    (False, False, "writable", None),
    (True, False, "missing", "is not there"),
    (True, True, "missing", None),
    (True, True, "unmakeable", "ranks may not make it"),
    (True, True, "read-only", "may not be written"),
    (True, True, "writable", None),
]


@pytest.mark.parametrize(("writable", "may_be_made", "state", "words"), VOLUMES)
def test_volumes(writable, may_be_made, state, words):
    needs = replace(NEEDS, sources=(Source("output", "/o p", writable, may_be_made),))
    findings = judge("node1", needs, replace(FACTS, sources=(Place(state),)))
    assert [words in finding.words for finding in findings] == ([] if words is None else [True])
    assert all(
        "'/o p'" in finding.remedy or "volumes.output.source" in finding.remedy for finding in findings
    )


def test_findings_are_counted_in_words():
    finding = Finding("node1", "disk", Level.ERROR, "full", "clean it")
    assert in_words([finding]) == "1 check failed\nhost node1: disk: full\n  remedy: clean it"
    assert in_words([finding, finding]).startswith("2 checks failed\n")
    assert finding.to_json() == {
        "host": "node1",
        "rule": "disk",
        "level": "error",
        "words": "full",
        "remedy": "clean it",
        "fix": None,
    }


SIZES = [
    (0, "0 B"),
    (-5, "0 B"),
    (999, "999 B"),
    (1500, "1.5 kB"),
    (24_432_000_000, "24.4 GB"),
    (10**13, "10000 GB"),
]


@pytest.mark.parametrize(("count", "text"), SIZES)
def test_sizes_have_three_digits_and_a_unit(count, text):
    assert size(count) == text
