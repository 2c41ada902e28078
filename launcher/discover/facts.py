"""What a host says of itself. Pure: lines of discover.sh in, facts out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from launcher.npu import ToolError
from launcher.npu.hccn import parse_conf, parse_ip
from launcher.npu.smi import (
    Chip,
    Info,
    Mapped,
    Spod,
    parse_info,
    parse_map,
    parse_remap,
    parse_spod,
    with_physical,
)


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface with one of its addresses."""

    name: str
    at: IPv4Interface | IPv6Interface

    @property
    def address(self) -> str:
        """The literal address."""
        return str(self.at.ip)


@dataclass(frozen=True, slots=True)
class Node:
    """A device node /dev/davinciN."""

    physical: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One host. What a tool said instead of an answer is in `notes`, one sentence each."""

    machine: str
    interfaces: tuple[Interface, ...] = ()
    nodes: tuple[Node, ...] = ()
    chips: tuple[Chip, ...] = ()
    """Of npu-smi, with physical ids as far as they are known."""
    device_ips: Mapping[int, str] = field(default_factory=dict)
    """By physical id: what hccn_tool said, else hccn.conf."""
    spods: Mapping[int, Spod] = field(default_factory=dict)
    driver: str = ""
    driver_parts: tuple[str, ...] = ()
    """Paths that only some drivers have, where containers are given them, too."""
    npu_smi: str = ""
    """Where it is; empty on a host without a driver."""
    docker: str = ""
    """Version of the engine; empty where there is none or it refuses."""
    docker_refusal: str = ""
    """What was said instead."""
    runtimes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[int, ...]:
        """Physical ids, ascending."""
        return tuple(sorted(node.physical for node in self.nodes))


class _Said(dict[str, list[str]]):
    """Lines by what they are about."""

    def __init__(self, text: str) -> None:
        for line in text.split("\n"):
            name, _, words = line.partition(" ")
            self.setdefault(name, []).append(words)

    def __missing__(self, name: str) -> list[str]:
        return []

    def one(self, name: str) -> str:
        """The only line; empty where there is none."""
        return (self[name] or [""])[0].strip()

    def text(self, name: str) -> str:
        """All lines."""
        return "\n".join(self[name])

    def by_device(self, name: str) -> dict[int, str]:
        """The lines of each physical id."""
        lines: dict[int, list[str]] = {}
        for words in self[name]:
            device, _, line = words.partition(" ")
            lines.setdefault(int(device), []).append(line)
        return {device: "\n".join(lines[device]) for device in sorted(lines)}


def parse_facts(text: str) -> Facts:
    """The output of discover.sh. Raises KeyError, ValueError for what it never writes."""
    said, notes = _Said(text), list[str]()
    nodes = tuple(Node(*map(int, words.split())) for words in said["node"])
    if words := said.one("no_addresses"):
        notes.append(f"its addresses are not known: {words}")
    return Facts(
        machine=said.one("machine"),
        interfaces=tuple(map(_interface, said["address"])),
        nodes=nodes,
        chips=_chips(said, nodes, notes),
        device_ips=_device_ips(said, nodes, notes),
        spods=_spods(said),
        driver=said.one("driver"),
        driver_parts=tuple(said["driver_part"]),
        npu_smi=said.one("npu_smi_at"),
        docker=said.one("docker"),
        docker_refusal=said.one("no_docker"),
        runtimes=tuple(said.one("runtimes").split()),
        notes=tuple(notes),
    )


def _interface(words: str) -> Interface:
    name, at = words.split()
    return Interface(name, ip_interface(at))


def _chips(said: _Said, nodes: Iterable[Node], notes: list[str]) -> tuple[Chip, ...]:
    if not said["npu_smi"]:
        return ()
    try:
        info = parse_info(said.text("npu_smi"))
    except ToolError as error:
        notes.append(f"{error}: which chips these are is not known")
        return ()
    chips = _numbered(said, info)
    there = {node.physical for node in nodes}
    shown = {chip.physical for chip in chips if chip.physical is not None}
    for physical in sorted(shown - there):
        notes.append(f"npu-smi shows a chip {physical}, but there is no /dev/davinci{physical}")
    for physical in sorted(there - shown):
        notes.append(f"there is a /dev/davinci{physical}, but npu-smi shows no such chip")
    return chips


def _numbered(said: _Said, info: Info) -> tuple[Chip, ...]:
    """The chips with physical ids: what `info` says, then phyid-remap, then the map."""
    try:
        mapped = parse_map(said.text("npu_map"))
    except ToolError:  # not every version has it, and most need it not
        mapped = ()
    return with_physical(info.chips, (*mapped, *_remapped(said)))


def _remapped(said: _Said) -> Iterable[Mapped]:
    for text in said.by_device("npu_remap").values():
        try:
            found = parse_remap(text)
        except ToolError:  # it is asked of all; what it would have said is known from elsewhere, or is a note
            continue
        yield Mapped(found.npu, found.chip, found.logic, found.physical, "")


def _device_ips(said: _Said, nodes: Iterable[Node], notes: list[str]) -> dict[int, str]:
    by_tool, refusals = _asked(said)
    conf = _conf(said, notes)
    there = {node.physical for node in nodes}
    for device in sorted(there & by_tool.keys() & conf.keys()):
        if by_tool[device] != conf[device]:
            notes.append(
                f"NPU {device} has the address {by_tool[device]}, hccn.conf says {conf[device]}: "
                "the former is taken"
            )
    for words, devices in refusals.items():
        rest = [device for device in devices if device not in conf]
        instead = "hccn.conf is taken" if not rest else f"no address for {', '.join(map(str, rest))}"
        notes.append(f"{words} (NPU {', '.join(map(str, devices))}): {instead}")
    return {device: ip for device, ip in sorted({**conf, **by_tool}.items()) if device in there}


def _asked(said: _Said) -> tuple[dict[int, str], dict[str, list[int]]]:
    """Addresses that hccn_tool gave, and the devices by what it said instead."""
    ips: dict[int, str] = {}
    refusals: dict[str, list[int]] = {}
    for device, text in said.by_device("hccn_ip").items():
        try:
            ips[device] = parse_ip(text).address
        except ToolError as error:
            refusals.setdefault(str(error), []).append(device)
    return ips, refusals


def _conf(said: _Said, notes: list[str]) -> dict[int, str]:
    try:
        return parse_conf(said.text("hccn_conf"))
    except ToolError as error:
        notes.append(str(error))
        return {}


def _spods(said: _Said) -> dict[int, Spod]:
    """Only chips of an A3 have one; what others say instead does not matter."""
    found: dict[int, Spod] = {}
    for device, text in said.by_device("npu_spod").items():
        try:
            found[device] = parse_spod(text)
        except ToolError:
            continue
    return found
