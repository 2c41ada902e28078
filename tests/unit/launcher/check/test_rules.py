"""Each rule finds what it is for, and nothing where all is well."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from launcher.check.facts import Engine, Listener, Node, Place, User
from launcher.check.host_needs import Source
from launcher.check.judge import RULES, judge
from launcher.check.model import Finding, Level, in_words
from launcher.claims.locks import Holder
from tests.unit.launcher.check.rule_facts import ENGINE, FACTS, GB, NEEDS, PORT, npus


def test_nothing_is_said_of_a_host_that_has_all():
    assert judge("node1", NEEDS, FACTS) == []


FAULTS = {
    "host_ip": ({"other_addresses": "eth0 10.0.0.7/24"}, "none of its addresses: eth0 10.0.0.7", "discover"),
    "ifname": (
        {"interfaces": ("lo", "ib0")},
        "no interface is called eth (ifname); there are lo, ib0",
        "discover",
    ),
    "login shell": ({"greeting": "Welcome\n"}, "prints 'Welcome' before every script", "case $- in"),
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
    "setsid": ({"has_setsid": False}, "setsid is not in PATH", "util-linux"),
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


def test_addresses_by_which_nobody_meets_are_a_warning():
    needs = replace(NEEDS, meets_by_address=False)
    wrong = replace(FACTS, other_addresses="", interfaces=("lo",))
    found = judge("node1", needs, wrong)
    assert [(each.rule, each.level) for each in found] == [
        ("host_ip", Level.WARNING),
        ("ifname", Level.WARNING),
    ]
    assert found[0].words == "host_ip 192.0.2.1 is none of its addresses: it has none"


def test_a_lock_that_another_users_run_has_left_is_told_with_who_may_remove_it():
    holders = (Holder("npu-1", "gd-1", 0.0, "ann@desk 1 2 3"), Holder("npu-2", "gd-2", 0.0, "bob@desk 1 2 3"))
    first, second = judge("node1", NEEDS, replace(FACTS, holders=holders, left=("/locks/npu-1",)))
    assert "by run gd-1 of ann@desk" in first.words and first.remedy.endswith("as root, rm -rf /locks/npu-1")
    assert second.remedy == "wait for it, or end it: launcher cancel gd-2"


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
    assert judge("node1", needs, replace(FACTS, has_setsid=False, python=None)) == []


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


# ---- levels


def test_every_fix_is_words_and_says_whether_it_needs_root():
    fixes = [
        finding.fix
        for change, _, _ in FAULTS.values()
        for finding in judge("node1", NEEDS, replace(FACTS, **change))
        if finding.fix
    ]
    assert {fix.root for fix in fixes} == {True} and len(fixes) >= 5
    assert all(isinstance(word, str) for fix in fixes for command in fix.commands for word in command)
