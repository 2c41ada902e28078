"""What the driver's tools on a host say of its NPUs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from launcher.check.npu_needs import NpuNeeds
from launcher.npu import ToolError, hccn, smi

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class NpuProcess:
    """A process that works on an NPU."""

    device: int
    """Physical id."""
    pid: int
    name: str
    memory: int
    """MB."""


@dataclass(frozen=True, slots=True)
class Port:
    """The network port of an NPU; None where hccn_tool did not say it."""

    ip: str | None = None
    link: str | None = None
    """UP or DOWN."""
    net_health: str | None = None
    """Success, Init, Fault, …"""
    tls: str | None = None
    """Switch: 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuFacts:
    """The NPUs of a host, by physical id."""

    smi_refusal: str = ""
    """What npu-smi said instead of what is there."""
    hccn_refusals: Mapping[str, str] = field(default_factory=dict)
    """What hccn_tool said instead, by what it was asked."""
    health: Mapping[int, str] = field(default_factory=dict)
    places: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Of each whose health is known: its NPU id and chip id, which `-i` and `-c` of npu-smi take."""
    processes: tuple[NpuProcess, ...] = ()
    ports: Mapping[int, Port] = field(default_factory=dict)
    unanswered: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """NPU and address from which no packet came back, with how many were sent."""
    unasked: int = 0
    """Pings for which there was no time."""
    conf: Mapping[int, str] | None = None
    """Addresses in hccn.conf; None where there is no such file."""
    conf_refusal: str = ""
    """Why it cannot be read."""


class _Refusals(dict[str, str]):
    """Collects what a tool said instead of an answer, by what it was asked."""

    def answer(self, asked: str, parse: Callable[[str], Result], text: str) -> Result | None:
        try:
            return parse(text)
        except ToolError as error:
            self[asked] = _words(error)
            return None


def _words(error: ToolError) -> str:
    return str(error).removeprefix("npu-smi: ").removeprefix("hccn_tool: ")


def parse_npus(lines: Iterable[tuple[str, str]], needs: NpuNeeds) -> NpuFacts:
    """The facts of check_npus.sh; whatever a tool may have said, it is no error here."""
    said = _by_name(lines)
    refusals, smi_refusals = _Refusals(), _Refusals()
    info = smi_refusals.answer("info", smi.parse_info, _text(said, "npu_smi"))
    conf = refusals.answer(needs.hccn_conf, hccn.parse_conf, _text(said, "hccn_conf"))
    chips = _chips(info, said, needs.devices) if info else ()
    known = {chip.physical: chip for chip in chips if chip.physical is not None}
    return NpuFacts(
        smi_refusal=smi_refusals.get("info", ""),
        health={device: chip.health for device, chip in known.items()},
        places={device: (chip.npu, chip.chip) for device, chip in known.items()},
        processes=tuple(_processes(info, chips)) if info else (),
        ports={device: _port(said, needs, device, refusals) for device in needs.devices},
        unanswered=dict(_unanswered(said, needs, refusals)),
        unasked=len(said.get("hccn_unasked", ())),
        conf=(conf or {}) if "hccn_conf" in said else None,
        conf_refusal=_text(said, "hccn_conf_refusal"),
        hccn_refusals=refusals,
    )


def is_unclear(lines: Iterable[tuple[str, str]], needs: NpuNeeds) -> bool:
    """Whether something is wrong with a chip, and npu-smi's table alone does not say which chip it is.

    Where all are well and nobody uses one, that need not be known, and costs a call for each NPU.
    """
    try:
        info = smi.parse_info(_text(_by_name(lines), "npu_smi"))
    except ToolError:
        return False
    if all(chip.physical is not None for chip in info.chips):
        return False
    shown = {chip.physical for chip in smi.with_physical(info.chips)}
    is_well = all(chip.health == "OK" for chip in info.chips) and not info.processes
    return not is_well or not shown.issuperset(needs.devices)


def _by_name(lines: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for name, words in lines:
        said.setdefault(name, []).append(words)
    return said


def _text(said: Mapping[str, Sequence[str]], name: str, *of: object) -> str:
    """The lines under a name that begin with these words, without these."""
    start = "".join(f"{word} " for word in of)
    lines = (f"{line} " for line in said.get(name, ()))
    return "\n".join(line[len(start) :].rstrip() for line in lines if line.startswith(start))


def _chips(info: smi.Info, said: Mapping[str, Sequence[str]], devices: Iterable[int]) -> tuple[smi.Chip, ...]:
    """With physical ids: what `info` says, then phyid-remap, then the map; not every version has them all."""
    optional = _Refusals()
    mapped = optional.answer("info -m", smi.parse_map, _text(said, "npu_map")) or ()
    remapped = [
        smi.Mapped(found.npu, found.chip, found.logic, found.physical, "")
        for device in devices
        if (found := optional.answer("remap", smi.parse_remap, _text(said, "npu_remap", device)))
    ]
    return smi.with_physical(info.chips, (*mapped, *remapped))


def _processes(info: smi.Info, chips: Iterable[smi.Chip]) -> Iterable[NpuProcess]:
    devices = {(chip.npu, chip.chip): chip.physical for chip in chips}
    for each in info.processes:
        device = devices.get((each.npu, each.chip))
        if device is not None:
            yield NpuProcess(device, each.pid, each.name, each.memory)


def _port(said: Mapping[str, Sequence[str]], needs: NpuNeeds, device: int, refusals: _Refusals) -> Port:
    asked = needs.questions_to(device)

    def ask(what: str, parse: Callable[[str], Result]) -> Result | None:
        if what in needs.questions:
            words = "ip -inet6" if what == "ip" and "ip6" in asked else what
            return refusals.answer(f"-i {device} -{words} -g", parse, _text(said, f"hccn_{what}", device))
        return None

    ip, tls = ask("ip", hccn.parse_ip), ask("tls", hccn.parse_tls)
    return Port(
        ip=ip.address if ip else None,
        link=ask("link", hccn.parse_link),
        net_health=ask("net_health", hccn.parse_net_health),
        tls=None if tls is None else str(int(tls)),
    )


def _unanswered(
    said: Mapping[str, Sequence[str]], needs: NpuNeeds, refusals: _Refusals
) -> Iterator[tuple[tuple[int, str], str]]:
    """A tool that may not be run says nothing of the network: that is a refusal as any other."""
    unasked = set(said.get("hccn_unasked", ()))
    for peer in needs.peers:
        if f"{peer.device} {peer.address}" in unasked:
            continue
        form = "-inet6 -g ipv6_address" if ":" in peer.address else "-g address"
        text = _text(said, "hccn_ping", peer.device, peer.address)
        ping = refusals.answer(f"-i {peer.device} -ping {form} {peer.address}", hccn.parse_ping, text)
        if ping is not None and not ping.has_answer:
            yield (peer.device, peer.address), f"0 of {ping.sent} packets came back"
