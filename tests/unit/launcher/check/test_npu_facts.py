"""What the tools of the driver say becomes facts; what they refuse is kept in their own words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.check.facts import read_lines
from launcher.check.npu_facts import NpuProcess, Port, is_unclear, parse_npus
from launcher.check.npu_needs import NpuNeeds, hccl_ports
from launcher.check.pings import Peer
from launcher.spec.job import Launch

NEEDS = NpuNeeds(
    devices=(0, 1),
    ips={},
    peers=(Peer(0, "29.2.0.2", "n2"), Peer(1, "29.2.1.2", "n2")),
    npu_smi="/npu-smi",
    hccn_tool="/hccn_tool",
    hccn_conf="/etc/hccn.conf",
    version_file="/version.info",
    meet=True,
    group=1000,
)
SMI = """\
npu_smi | npu-smi 24.1.rc1                 Version: 24.1.rc1                                             |
npu_smi | NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
npu_smi | Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
npu_smi | 0     910B3               | OK            | 98.1        41                0    / 0             |
npu_smi | 0                         | 0000:C1:00.0  | 0           0    / 0          3389 / 65536         |
npu_smi | 1     910B3               | Alarm         | 98.1        41                0    / 0             |
npu_smi | 0                         | 0000:C2:00.0  | 0           0    / 0          3389 / 65536         |
npu_smi | NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
npu_smi | 1       0                 | 139667        | python                   | 30780                   |
npu_smi | No running processes found in NPU 0                                                            |
"""
TWO_DIES = """\
npu_smi | npu-smi 25.2.0                   Version: 25.2.0                                               |
npu_smi | NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
npu_smi | Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
npu_smi | 3     Ascend910           | OK            | 166.5       41                0    / 0             |
npu_smi | 0     6                   | 0000:9D:00.0  | 0           0    / 0          30710/ 65536         |
npu_smi | 3     Ascend910           | OK            | -           41                0    / 0             |
npu_smi | 1     7                   | 0000:9F:00.0  | 0           0    / 0          30710/ 65536         |
npu_smi | NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
npu_smi | 3       1                 | 77            | python                   | 5                       |
"""
HCCN = """\
hccn_ip 0 ipaddr:29.1.0.2
hccn_ip 0 netmask:255.255.255.0
hccn_link 0 link status: UP
hccn_net_health 0 net health status: Success
hccn_tls 0 dev_id:0, tls switch[1](0:disable, 1:enable), tls preconfigured[1](0:non-preset, 1:preset)
hccn_ping 0 29.2.0.2 recv seq=0,time=1.418000ms
hccn_ping 0 29.2.0.2 3 packets transmitted, 3 received, 0.00% packet loss
hccn_conf
hccn_conf address_0=29.1.0.2
hccn_conf tls_enable_0=0
hccn_conf address_1=29.1.1.2
"""
ONE = """\
hccn_ip 1 ipaddr:29.1.1.2
hccn_link 1 link status: DOWN
hccn_net_health 1 net health status: Fault
hccn_tls 1 Command execute failed!
hccn_ping 1 29.2.1.2 3 packets transmitted, 0 received, 100.00% packet loss
"""


def parse(text: str, needs: NpuNeeds = NEEDS):
    return parse_npus(read_lines(text), needs)


def test_everything_that_is_said():
    facts = parse(SMI + HCCN + ONE)
    assert facts.health == {0: "OK", 1: "Alarm"} and facts.smi_refusal == ""
    assert facts.processes == (NpuProcess(1, 139667, "python", 30780),)
    assert facts.ports == {
        0: Port("29.1.0.2", "UP", "Success", "1"),
        1: Port("29.1.1.2", "DOWN", "Fault", None),
    }
    assert facts.unanswered == {(1, "29.2.1.2"): "0 of 3 packets came back"}
    assert facts.conf == {0: "29.1.0.2", 1: "29.1.1.2"}
    assert facts.hccn_refusals == {"-i 1 -tls -g": "Command execute failed!"}


def test_ids_of_dies_are_the_physical_ones():
    facts = parse(TWO_DIES)
    assert facts.places == {6: (3, 0), 7: (3, 1)}
    assert facts.health == {6: "OK", 7: "OK"} and facts.processes[0].device == 7


def test_tools_that_say_nothing_or_refuse():
    facts = parse("npu_smi dcmi module initialize failed. ret is -8005\nhccn_ip 0 Permission denied\n")
    assert facts.smi_refusal == "dcmi module initialize failed. ret is -8005"
    assert facts.hccn_refusals["-i 0 -ip -g"] == "Permission denied"
    assert facts.hccn_refusals["-i 0 -link -g"] == "hccn_tool said nothing"
    assert facts.hccn_refusals["-i 1 -ping -g address 29.2.1.2"] == "hccn_tool said nothing"
    assert len(facts.hccn_refusals) == 10 and facts.ports == {0: Port(), 1: Port()}
    assert facts.unanswered == {}
    assert facts.conf is None and facts.health == {}


def test_addresses_of_the_sixth_version_are_asked_in_another_way():
    needs = replace(NEEDS, ips={0: "fd00::1", 1: "29.1.1.2"})
    assert needs.questions_to(0) == ("ip6", "link", "net_health", "tls")
    assert needs.questions_to(1) == ("ip", "link", "net_health", "tls")
    needs = replace(needs, peers=(Peer(0, "fd00::3", "n2"),))
    facts = parse("hccn_ip 0 ipaddr:fd00::2\nhccn_ip 1 Command execute failed!\n", needs)
    assert facts.ports[0].ip == "fd00::2"
    assert facts.hccn_refusals["-i 1 -ip -g"] == "Command execute failed!"
    refusals = parse("", needs).hccn_refusals
    assert "-i 0 -ip -inet6 -g" in refusals and "-i 0 -ping -inet6 -g ipv6_address fd00::3" in refusals


def test_before_a_run_npus_that_meet_no_others_are_asked_for_what_hccl_compares():
    more = (*NEEDS.peers, Peer(0, "29.3.0.2", "n3"), Peer(1, "29.3.1.2", "n3"))
    meeting = replace(NEEDS, peers=more).only_what_counts()
    assert (meeting.questions, meeting.peers) == (NEEDS.questions, NEEDS.peers)
    one_host = replace(NEEDS, peers=(), meet=False)
    assert one_host.only_what_counts().questions == ("ip", "tls")
    assert replace(one_host, launch=Launch.DYNAMIC).only_what_counts().questions == ("tls",)
    assert replace(one_host, launch=Launch.NONE).only_what_counts().questions == ()
    asked = replace(one_host, questions=("ip",))
    facts = parse("hccn_ip 0 ipaddr:29.1.0.2\nhccn_ip 1 ipaddr:29.1.1.2\n", asked)
    assert (facts.ports[1], facts.hccn_refusals) == (Port("29.1.1.2"), {})


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        (SMI.replace("Alarm", "OK   ").partition("npu_smi | NPU     Chip")[0], False),
        (SMI.partition("npu_smi | NPU     Chip")[0], True),  # an alarm
        (SMI.replace("Alarm", "OK   "), True),  # a process
        (SMI.replace("Alarm", "OK   ").replace("| 1     910", "| 12    910"), True),  # another number
        (TWO_DIES, False),  # it says which is which
        ("npu_smi ret is -8005\n", False),  # nothing is known at all
    ],
)
def test_which_chip_is_which_is_asked_only_where_it_matters(text, unclear):
    needs = NEEDS if "Phy-ID" not in text else replace(NEEDS, devices=(6, 7))
    assert is_unclear(read_lines(text), needs) is unclear


def test_pings_for_which_there_was_no_time_are_no_failures():
    facts = parse("hccn_ping 0 29.2.0.2 3 packets transmitted, 3 received\nhccn_unasked 1 29.2.1.2\n")
    assert (facts.unanswered, facts.unasked) == ({}, 1)


def test_answers_of_npu_1_are_not_those_of_npu_10():
    needs = replace(NEEDS, devices=(1, 10))
    facts = parse("hccn_link 10 link status: DOWN\nhccn_link 1 link status: UP\n", needs)
    assert (facts.ports[1].link, facts.ports[10].link) == ("UP", "DOWN")


def test_an_empty_file_of_addresses_is_there():
    assert parse("hccn_conf \n").conf == {}


def test_a_file_of_addresses_that_holds_something_else():
    facts = parse("hccn_conf \nhccn_conf address_0=nowhere\n")
    assert facts.conf == {} and "address_0=nowhere" in facts.hccn_refusals["/etc/hccn.conf"]


def test_ports_of_hccl_go_where_the_job_puts_them():
    assert hccl_ports({})[0] == 60000 and len(hccl_ports({})) == 32
    assert hccl_ports({"HCCL_IF_BASE_PORT": "50000"}) == tuple(range(50000, 50032))
    assert hccl_ports({"HCCL_IF_BASE_PORT": "$PORT"})[0] == 60000


def test_ids_with_gaps_are_those_that_the_tool_maps():
    text = SMI.replace("| 1     910B3", "| 12    910B3").replace("| 1       0  ", "| 12      0  ")
    remap = "Chip Physical ID:1 Chip Logic ID:1 NPU ID:12 Chip ID:0"
    lines = "".join(
        f"npu_remap 1 {field}\n"
        for field in remap.replace(" Chip", "\nChip").replace(" NPU", "\nNPU").split("\n")
    )
    assert parse(text).health == {0: "OK", 12: "Alarm"}
    facts = parse(text + lines)
    assert facts.health == {0: "OK", 1: "Alarm"} and facts.processes[0].device == 1
