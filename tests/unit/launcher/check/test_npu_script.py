"""What the check script asks the driver's tools, by tools that write down what they are asked."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.check.host_needs import HostNeeds
from launcher.check.hosts import gather
from launcher.check.needs import before_a_run
from launcher.check.npu_needs import NpuNeeds
from launcher.check.pings import Peer
from launcher.hosts import LocalHost

INFO = """\
| npu-smi 24.1.rc1                 Version: 24.1.rc1                                             |
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| {number}     910B3    | {health}    | 98.1        41                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3389 / 65536         |
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
| No running processes found in NPU {number}                                                            |
"""
SMI = """#!/bin/sh
echo "smi $*" >>{asked}
case "$*" in
    info) cat {info} ;;
    *remap*) printf ' Chip Physical ID :3\\n Chip Logic ID :0\\n NPU ID :12\\n Chip ID :0\\n' ;;
    *) exit 1 ;;
esac
"""
HCCN = """#!/bin/sh
echo "$*" >>{asked}
case "$*" in
    *-ip*) echo ipaddr:fd00::3 ;;
    *-link*) echo link status: UP ;;
    *-net*) echo net health status: Success ;;
    *-tls*) echo 'tls switch[0](0:disable)' ;;
    *) echo '3 packets transmitted, 3 received' ;;
esac
"""


class Tools:
    """Stand-ins for npu-smi and hccn_tool, with what they were asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said(number=3, health="OK")
        (path / "hccn.conf").write_text("IPv6address_3=fd00::3\ngateway_3=fd00::1\n")
        for name, text in (("npu-smi", SMI), ("hccn_tool", HCCN)):
            (path / name).write_text(text.format(asked=path / "asked", info=path / "info"))
            (path / name).chmod(0o755)

    def said(self, **fields: object) -> None:
        (self.path / "info").write_text(INFO.format(**fields))

    def asked(self) -> list[str]:
        return sorted((self.path / "asked").read_text().splitlines())

    def needs(self, *peers: Peer) -> HostNeeds:
        npus = NpuNeeds(
            devices=(3,),
            ips={3: "fd00::3"},
            peers=peers,
            npu_smi=str(self.path / "npu-smi"),
            hccn_tool=str(self.path / "hccn_tool"),
            hccn_conf=str(self.path / "hccn.conf"),
            version_file=str(self.path / "version.info"),
            meet=bool(peers),
            group=None,
        )
        return HostNeeds(work_dir=str(self.path), processes=True, path="", locks=(), npus=npus)


@pytest.fixture
def tools(tmp_path):
    return Tools(tmp_path)


class Hasty(LocalHost):
    """A host with no time for a second ping."""

    def run(self, text, *words, **options):
        assert "PINGING=60" in text
        return super().run(text.replace("PINGING=60", "PINGING=0"), *words, **options)


PEERS = (Peer(3, "fd00::4", "b"), Peer(3, "29.1.1.1", "c"), Peer(3, "29.1.1.2", "c"))


def test_a_well_npu_is_asked_each_thing_once_and_which_it_is_not_at_all(tools):
    facts = gather(LocalHost("here"), tools.needs(*PEERS)).npus
    assert tools.asked() == [
        "-i 3 -ip -inet6 -g",
        "-i 3 -link -g",
        "-i 3 -net_health -g",
        "-i 3 -ping -g address 29.1.1.1",
        "-i 3 -ping -g address 29.1.1.2",
        "-i 3 -ping -inet6 -g ipv6_address fd00::4",
        "-i 3 -tls -g",
        "smi info",
    ]
    assert (facts.health, facts.unanswered, facts.unasked) == ({3: "OK"}, {}, 0)
    assert facts.ports[3].ip == "fd00::3" and facts.conf == {3: "fd00::3"}


def test_before_a_run_an_npu_pings_once_and_one_that_meets_nobody_says_two_things(tools):
    gather(LocalHost("here"), before_a_run(tools.needs(*PEERS)))
    assert [words for words in tools.asked() if "-ping" in words] == [
        "-i 3 -ping -inet6 -g ipv6_address fd00::4"
    ]
    (tools.path / "asked").unlink()
    gather(LocalHost("here"), before_a_run(tools.needs()))
    assert tools.asked() == ["-i 3 -ip -inet6 -g", "-i 3 -tls -g", "smi info"]


@pytest.mark.parametrize(("number", "health"), [(3, "Alarm"), (12, "OK")])
def test_which_chip_it_is_is_asked_where_it_matters(tools, number, health):
    tools.said(number=number, health=health)
    facts = gather(LocalHost("here"), tools.needs()).npus
    assert "smi info -t phyid-remap -p 3" in tools.asked()
    assert facts.health == {3: health}


def test_pings_end_when_their_time_is_over_unless_all_are_wanted(tools):
    facts = gather(Hasty("here"), tools.needs(*PEERS)).npus
    assert (facts.unasked, facts.unanswered) == (2, {})
    facts = gather(Hasty("here"), replace(tools.needs(*PEERS), is_deep=True)).npus
    assert (facts.unasked, facts.unanswered) == (0, {})


def test_a_file_of_addresses_that_cannot_be_opened_is_not_an_empty_one(tools, monkeypatch):
    (tools.path / "hccn.conf").unlink()
    monkeypatch.chdir(tools.path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as unopenable:  # root may open any file
        unopenable.bind("hccn.conf")
        facts = gather(LocalHost("here"), tools.needs()).npus
    assert facts.conf == {} and "No such device or address" in facts.conf_refusal
