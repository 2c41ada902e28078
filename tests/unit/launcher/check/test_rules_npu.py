"""Rules on NPUs, their ports and who uses them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.check.facts import Listener, Node, User
from launcher.check.judge import judge, judge_together
from launcher.check.model import Level
from launcher.check.npu_facts import NpuProcess, Port
from launcher.check.pings import Peer
from launcher.check.rules.fleet import Examined
from launcher.claims.locks import Holder
from launcher.spec.job import Launch
from tests.unit.launcher.check.rule_facts import ENGINE, FACTS, NEEDS, NPUS, PORT


def test_where_npus_of_hosts_do_not_meet_their_ports_are_no_error():
    alone = replace(NEEDS, hosts=1, npus=replace(NEEDS.npus, meet=False, peers=()))
    wrong = replace(NPUS, ports={0: replace(PORT, link="DOWN", net_health="Fault")})
    findings = judge("node1", alone, replace(FACTS, npus=wrong))
    assert [(each.rule, each.level) for each in findings] == [
        ("link", Level.WARNING),
        ("net_health", Level.WARNING),
    ]


@pytest.mark.parametrize(
    ("launch", "ip", "tls"),
    [
        (Launch.RANK_TABLE, Level.ERROR, Level.ERROR),
        (Launch.DYNAMIC, Level.WARNING, Level.ERROR),
        (Launch.NONE, Level.WARNING, Level.WARNING),
    ],
)
def test_what_hccl_compares_depends_on_how_ranks_meet(launch, ip, tls):
    needs = replace(NEEDS, npus=replace(NEEDS.npus, launch=launch))
    ports = {0: replace(PORT, ip="198.51.100.9"), 1: replace(PORT, ip="198.51.100.2", tls="1")}
    facts = replace(FACTS, npus=replace(NPUS, ports=ports))
    (address,) = judge("node1", needs, facts)
    assert (address.rule, address.level) == ("device ips", ip)
    (switch,) = judge_together({"node1": Examined(needs, facts)})
    assert (switch.rule, switch.level) == ("TLS", tls)


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


def test_npu_smi_calls_a_sick_chip_by_its_npu():
    two_dies = replace(NPUS, health={0: "OK", 1: "Alarm"}, places={0: (0, 0), 1: (0, 1)})
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=two_dies))
    assert finding.words == "the health of NPU 1 is Alarm"
    assert "npu-smi info -t health -i 0 -c 1;" in finding.remedy


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


def test_an_npu_that_reaches_nobody_is_one_finding():
    peers = tuple(Peer(0, f"198.51.100.{n}", f"node{n}") for n in range(2, 7))
    needs = replace(NEEDS, npus=replace(NEEDS.npus, peers=peers))
    silent = {(0, peer.address): "0 of 3 packets came back" for peer in peers[1:]}
    (finding,) = judge("node1", needs, replace(FACTS, npus=replace(NPUS, unanswered=silent)))
    assert finding.level is Level.ERROR
    assert finding.words == (
        "NPU 0 gets no answer from 198.51.100.3 on host node3, 198.51.100.4 on host node4, "
        "198.51.100.5 on host node5 and 1 more: 0 of 3 packets came back"
    )


def test_pings_that_were_not_tried_are_a_warning():
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, unasked=1)))
    assert (finding.level, finding.words) == (
        Level.WARNING,
        "1 of 2 pings were not tried: others took too long",
    )


def test_an_address_that_is_not_in_hccn_conf_is_a_warning():
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=replace(NPUS, conf={0: "198.51.100.1"})))
    assert (finding.level, finding.words) == (Level.WARNING, "/etc/hccn.conf has no address_N for NPU 1")


def test_a_hccn_conf_that_cannot_be_read_is_a_warning():
    closed = replace(NPUS, conf={}, conf_refusal="cat: /etc/hccn.conf: Permission denied")
    (finding,) = judge("node1", NEEDS, replace(FACTS, npus=closed))
    assert (finding.rule, finding.level) == ("hccn.conf", Level.WARNING)
    assert finding.words == "/etc/hccn.conf cannot be read: cat: /etc/hccn.conf: Permission denied"


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
