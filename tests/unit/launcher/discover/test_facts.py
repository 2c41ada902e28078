"""Lines of discover.sh to facts."""

from __future__ import annotations

import pytest

from launcher.discover.facts import Node, parse_facts
from tests.unit.launcher.discover.hosts import interface
from tests.unit.launcher.npu import samples


def lines(name: str, text: str) -> str:
    return "".join(f"{name} {line}\n" for line in text.splitlines())


BARE = "machine aarch64\naddress eth0 192.0.2.1/24\n"
A2 = (
    BARE
    + "node 5 1001\nnode 0 1000\ndriver 24.1.rc2\ndocker 26.1\nruntimes ascend runc \n"
    + lines("npu_smi", samples.INFO_910B)
    + lines("npu_map", samples.MAP_910B)
    + lines("hccn_ip 0", samples.IP)
    + lines("hccn_ip 5", samples.FAILED)
)


def test_a_host_without_npus():
    facts = parse_facts(BARE + "no_docker Cannot connect\n")
    assert (facts.machine, facts.devices, facts.chips, facts.driver) == ("aarch64", (), (), "")
    assert facts.interfaces == (interface("eth0 192.0.2.1/24"),)
    assert (facts.docker, facts.docker_refusal, facts.notes) == ("", "Cannot connect", ())


def test_a_host_with_npus():
    facts = parse_facts(
        A2 + "hccn_conf address_5=192.0.2.55\nhccn_conf address_0=10.0.0.10\nhccn_conf address_7=10.0.0.7\n"
    )
    assert facts.nodes == (Node(5, 1001), Node(0, 1000)) and facts.devices == (0, 5)
    assert [(chip.physical, chip.name) for chip in facts.chips] == [(0, "910B3"), (5, "910B3")]
    assert facts.device_ips == {0: "10.0.0.10", 5: "192.0.2.55"}
    assert (facts.driver, facts.docker, facts.runtimes) == ("24.1.rc2", "26.1", ("ascend", "runc"))
    assert facts.notes == ("hccn_tool: Command execute failed! (NPU 5): hccn.conf is taken",)


def test_addresses_that_nobody_has_and_that_differ():
    assert parse_facts(A2).notes == ("hccn_tool: Command execute failed! (NPU 5): no address for 5",)
    differs = parse_facts(A2 + "hccn_conf address_0=10.0.0.11\nhccn_conf address_5=10.0.0.15\n")
    assert differs.device_ips[0] == "10.0.0.10"
    assert (
        differs.notes[0] == "NPU 0 has the address 10.0.0.10, hccn.conf says 10.0.0.11: the former is taken"
    )
    broken = parse_facts(A2 + "hccn_conf address_0=here\n")
    assert "hccn.conf: address_0=here: not an address" in broken.notes


def test_physical_ids_of_dies_come_from_remapping_or_the_map():
    remap = "".join(
        lines(
            f"npu_remap {n}",
            f" Chip Physical ID :{n}\n Chip Logic ID :{n - 4}\n NPU ID :3\n Chip ID :{n - 6}\n",
        )
        for n in (6, 7)
    )
    smi = "node 6 0\nnode 7 0\n" + lines("npu_smi", samples.INFO_DIES_WITHOUT_IDS)
    facts = parse_facts(BARE + smi + remap + lines("npu_spod 7", samples.SPOD) + "npu_spod 6 not supported\n")
    assert [chip.physical for chip in facts.chips] == [6, 7] and facts.notes == ()
    assert facts.spods[7].sdid == "37814273" and 6 not in facts.spods


def test_nodes_and_chips_that_do_not_fit():
    facts = parse_facts(BARE + "node 0 1\nnode 9 1\n" + lines("npu_smi", samples.INFO_910B))
    assert facts.notes == (
        "npu-smi shows a chip 5, but there is no /dev/davinci5",
        "there is a /dev/davinci9, but npu-smi shows no such chip",
    )


def test_npu_smi_that_fails():
    facts = parse_facts(BARE + "node 0 1\n" + lines("npu_smi", samples.OCCUPIED))
    assert facts.chips == () and facts.devices == (0,)
    assert facts.notes[0].startswith("npu-smi: dcmi module initialize failed. ret is -8005: which chips")


def test_addresses_that_ip_does_not_tell():
    facts = parse_facts("machine x86_64\nno_addresses sh: ip: not found\n")
    assert facts.interfaces == () and facts.npu_smi == ""
    assert facts.notes == ("its addresses are not known: sh: ip: not found",)


@pytest.mark.parametrize("line", ["node x 1", "address eth0", "address eth0 nowhere"])
def test_what_the_script_never_writes(line):
    with pytest.raises(ValueError):
        parse_facts(f"{BARE}{line}\n")
