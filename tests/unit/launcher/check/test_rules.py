"""Each rule finds what it is for, and nothing where all is well."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from launcher.check.facts import Engine, Facts, Listener, Node, Place, Python, User
from launcher.check.judge import RULES, judge
from launcher.check.model import Finding, Level, in_words
from launcher.check.needs import HostNeeds, Source
from launcher.check.npu_facts import NpuFacts, NpuProcess, Port
from launcher.check.npu_needs import NpuNeeds, Peer, hccl_ports
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
    hosts=2,
    hccl_ports=hccl_ports({}),
    hccl_ports_are_used=True,
    npus=NpuNeeds(
        devices=(0, 1),
        ips={0: "198.51.100.1", 1: "198.51.100.2"},
        peers=(Peer(0, "198.51.100.11", "node2"), Peer(1, "198.51.100.12", "node2")),
        npu_smi="/usr/local/bin/npu-smi",
        hccn_tool="/usr/local/Ascend/driver/tools/hccn_tool",
        hccn_conf="/etc/hccn.conf",
        version_file="/usr/local/Ascend/driver/version.info",
        meet=True,
        group=1000,
    ),
)
PORT = Port(ip="198.51.100.1", link="UP", net_health="Success", tls="0")
NPUS = NpuFacts(
    health={0: "OK", 1: "OK"},
    ports={0: PORT, 1: replace(PORT, ip="198.51.100.2")},
    conf={0: "198.51.100.1", 1: "198.51.100.2"},
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
    engine=ENGINE,
    nodes=(Node("/dev/davinci0", 1000, 0o660), Node("/dev/davinci1", 2, 0o666)),
    ephemeral=(32768, 60999),
    reserved_words="60000-60031",
    selinux="Enforcing",
    selinux_context="unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023",
    startups=10,
    sessions=4,
    npus=NPUS,
)


def test_nothing_is_said_of_a_host_that_has_all():
    assert judge("node1", NEEDS, FACTS) == []


def npus(**changes: object) -> dict[str, object]:
    """Facts in which something of the NPUs is other."""
    return {"npus": replace(NPUS, **changes)}


FAULTS = {
    "sshd": ({"sessions": 3}, "opened 3 sessions", "MaxSessions 10"),
    "SELinux": (
        {"selinux": "Enforcing", "selinux_context": "staff_u:staff_r:staff_t:s0"},
        "staff_u:staff_r:staff_t:s0",
        "semanage login",
    ),
    "rootless": (
        {"engine": replace(ENGINE, security=("name=seccomp,profile=builtin", "name=rootless"))},
        "no NPU",
        "docker context use default",
    ),
    "HCCL ports": (
        {"listeners": (Listener(60003, User("60003", "77", "nginx")),)},
        "port 60003, which HCCL listens on, is in use by process 77 (nginx)",
        "HCCL_IF_BASE_PORT",
    ),
    "reserved ports": (
        {"ephemeral": (32768, 60999), "reserved_words": "8080,60000-60030"},
        "hand out 1 of HCCL's ports 60000-60031 (60031)",
        "net.ipv4.ip_local_reserved_ports=8080,60000-60030,60000-60031",
    ),
    "hccn.conf": (npus(conf=None), "/etc/hccn.conf, which is mounted into every container", "hccn_tool -i N"),
    "device nodes": (
        {"nodes": (Node("/dev/davinci0", 1001, 0o660),)},
        "/dev/davinci0 is for group 1001 (mode 660), ranks get group 1000",
        "device_gid: 1001",
    ),
    "processes": (
        {"openers": (User("/dev/davinci0", "4242", "python"),)},
        "/dev/davinci0 is opened by process 4242 (python)",
        "kill 4242",
    ),
    "npu-smi": (npus(smi_refusal="npu-smi: ret is -8005", health={}), "ret is -8005", "another container"),
    "health": (
        npus(health={0: "OK", 1: "Alarm"}),
        "the health of NPU 1 is Alarm",
        "npu-smi info -t health -i 1",
    ),
    "hccn_tool": (
        npus(hccn_refusals={"-i 0 -tls -g": "Command execute failed!", "-i 1 -tls -g": "x"}),
        "-i 0 -tls -g: Command execute failed!, and so for 1 questions more",
        "may need root",
    ),
    "device ips": (
        npus(ports={0: replace(PORT, ip="198.51.100.9")}),
        "NPU 0 has the address 198.51.100.9, the cluster file says 198.51.100.1",
        "launcher discover",
    ),
    "link": (npus(ports={0: replace(PORT, link="DOWN")}), "the link of NPU 0 is DOWN", "-optical -g"),
    "net_health": (npus(ports={0: replace(PORT, net_health="Fault")}), "of NPU 0 is Fault", "-netdetect -g"),
    "ping": (
        npus(unanswered={(1, "198.51.100.12"): "0 of 3 packets came back"}),
        "NPU 1 gets no answer from 198.51.100.12 on host node2: 0 of 3 packets came back",
        "-gateway -g",
    ),
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
        {"engine": replace(ENGINE, image_architecture="amd64")},
        "image repo/image:1 is for amd64, the host is arm64",
        "launcher image build --on HOST",
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


WARNINGS = {"SELinux", "reserved ports", "npu-smi", "hccn_tool"}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_found_by_its_rule_with_a_remedy(rule):
    change, words, remedy = FAULTS[rule]
    (finding,) = judge("node1", NEEDS, replace(FACTS, **change))
    level = Level.WARNING if rule in WARNINGS else Level.ERROR
    assert (finding.host, finding.rule, finding.level) == ("node1", rule, level)
    assert words in finding.words and remedy in finding.remedy


def test_every_rule_is_tested():
    assert set(FAULTS) | {"cores"} == set(RULES)


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
    taken = replace(ENGINE, taken=(("/dev/davinci0", hostile),))
    (container,) = judge("node1", NEEDS, replace(FACTS, engine=taken))
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


# ---- levels


def test_where_npus_of_hosts_do_not_meet_their_ports_are_no_error():
    alone = replace(NEEDS, hosts=1, npus=replace(NEEDS.npus, meet=False, peers=()))
    wrong = replace(NPUS, ports={0: replace(PORT, link="DOWN", net_health="Fault")})
    findings = judge("node1", alone, replace(FACTS, npus=wrong))
    assert [(each.rule, each.level) for each in findings] == [
        ("link", Level.WARNING),
        ("net_health", Level.WARNING),
    ]


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("Warning", Level.WARNING),
        ("UNKNOWN", Level.WARNING),
        ("Alarm", Level.ERROR),
        ("Critical", Level.ERROR),
    ],
)
def test_how_bad_a_health_is(said, level):
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, health={0: said, 1: "OK"})))
    assert (finding.rule, finding.level) == ("health", level)


def test_an_npu_that_is_not_there():
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, health={0: "OK", 4: "OK"})))
    assert (finding.level, finding.words) == (Level.WARNING, "npu-smi shows no NPU 1, only 0, 4")


@pytest.mark.parametrize("said", ["Socket fail", "Receive timeout", "Fault"])
def test_any_net_health_but_success_is_bad(said):
    ports = {0: replace(PORT, net_health=said)}
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, ports=ports)))
    assert finding.level is Level.ERROR


def test_what_hccn_tool_does_not_say_is_no_fault_of_the_npu():
    silent = replace(NPUS, ports={0: Port(), 1: Port()}, hccn_refusals={"-i 0 -ip -g": "Permission denied"})
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=silent))
    assert (finding.rule, finding.level) == ("hccn_tool", Level.WARNING)
    assert finding.words.endswith("-i 0 -ip -g: Permission denied")


def test_an_address_that_is_not_in_hccn_conf_is_a_warning():
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, conf={0: "198.51.100.1"})))
    assert (finding.level, finding.words) == (Level.WARNING, "/etc/hccn.conf has no address_N for NPU 1")


def test_a_missing_hccn_conf_is_said_once():
    facts = replace(FACTS, lacking=("/etc/hccn.conf",), npus=replace(NPUS, conf=None))
    assert [each.rule for each in judge("node1", NEEDS, facts)] == ["hccn.conf"]


def test_a_device_is_complained_of_once():
    used = replace(NPUS, processes=(NpuProcess(0, 7, "python", 1), NpuProcess(1, 8, "python", 30780)))
    openers = (User("/dev/davinci0", "7", "python"),)
    by_process = replace(FACTS, openers=openers, npus=used)
    words = [each.words for each in judge("node1", NEEDS, by_process)]
    assert words[0].startswith("/dev/davinci0 is opened by process 7")
    assert words[1] == "NPU 1 is used by process 8 (python, 30780 MB)" and len(words) == 2
    by_container = replace(by_process, engine=replace(ENGINE, taken=(("/dev/davinci0", "a"),)))
    assert [each.rule for each in judge("node1", NEEDS, by_container)] == ["containers", "processes"]
    by_run = replace(by_container, holders=(Holder("npu-0", "gd-1", 0.0, "ann"),))
    assert [each.rule for each in judge("node1", NEEDS, by_run)] == ["devices", "processes"]
    before_lock = replace(NEEDS, holders_are_refused=False)
    assert [each.rule for each in judge("node1", before_lock, by_run)] == ["processes"]


def test_processes_of_npus_that_are_not_used_are_nobodys_business():
    used = replace(NPUS, processes=(NpuProcess(5, 7, "python", 1),))
    assert judge("node1", NEEDS, replace(FACTS, npus=used)) == []


@pytest.mark.parametrize(("change", "needs"), [({"uid": 0}, {}), ({}, {"root_in_containers": True})])
def test_root_may_open_any_device(change, needs):
    facts = replace(FACTS, nodes=(Node("/dev/davinci0", 7, 0o600),), **change)
    assert judge("node1", replace(NEEDS, **needs), facts) == []


def test_ports_that_hccl_may_use_are_a_warning():
    needs = replace(NEEDS, hccl_ports_are_used=False)
    facts = replace(FACTS, listeners=(Listener(60000, User("60000")),), reserved_words="")
    (finding,) = judge("node1", needs, facts)
    assert finding.level is Level.WARNING and finding.words.endswith("in use by a process of another user")


def test_a_rootless_docker_without_npus_is_a_warning():
    engine = replace(ENGINE, security=("name=rootless",))
    needs = replace(NEEDS, npus=None)
    (finding,) = judge("node1", needs, replace(FACTS, engine=engine, npus=None))
    assert (finding.rule, finding.level) == ("rootless", Level.WARNING)


def test_few_startups_of_sshd_are_a_warning():
    (finding,) = judge("node1", NEEDS, replace(FACTS, startups=2))
    assert (finding.rule, finding.level) == ("sshd", Level.WARNING)
    assert judge("node1", NEEDS, replace(FACTS, startups=None, sessions=None)) == []


@pytest.mark.parametrize("selinux", ["Permissive", "Disabled", ""])
def test_a_selinux_that_does_not_enforce_does_not_matter(selinux):
    facts = replace(FACTS, selinux=selinux, selinux_context="staff_u:staff_r:staff_t:s0")
    assert judge("node1", NEEDS, facts) == []


def test_every_fix_is_words_and_says_whether_it_needs_root():
    fixes = [
        finding.fix
        for change, _, _ in FAULTS.values()
        for finding in judge("node1", NEEDS, replace(FACTS, **change))
        if finding.fix
    ]
    assert {fix.root for fix in fixes} == {True} and len(fixes) >= 5
    assert all(isinstance(word, str) for fix in fixes for command in fix.commands for word in command)
