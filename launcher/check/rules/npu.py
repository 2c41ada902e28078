"""NPUs, their driver and their own network. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, Level, error, warning
from launcher.check.npu_facts import NpuFacts, Port
from launcher.check.npu_needs import NpuNeeds
from launcher.check.pings import Peer
from launcher.spec.job import Launch
from launcher.spec.wording import some

_LIGHT_HEALTH = ("Warning", "UNKNOWN")


def driver(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """All that containers are given of it is there."""
    conf = needs.npus.hccn_conf if needs.npus else None
    for path in facts.lacking:
        if path != conf:
            remedy = "install the driver, or name its place: `driver` and `devices` in the cluster file"
            yield error(f"{path} is not there", remedy)


def hccn_conf(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """The file that containers are given is there and has an address for each NPU: HCCL reads it inside."""
    for npus, known in _npus(needs, facts):
        if known.conf is None:
            words = f"{npus.hccn_conf}, which is mounted into every container, is not there"
            yield error(words, "hccn_tool writes it when addresses are set: hccn_tool -i N -ip -s …")
            return
        if known.conf_refusal:
            words = f"{npus.hccn_conf} cannot be read: {known.conf_refusal}"
            remedy = f"HCCL reads it in containers, as the user of the ranks: ls -l {npus.hccn_conf}"
            yield warning(words, remedy)
            return
        bare = [str(device) for device in npus.devices if device not in known.conf]
        if bare:
            words = f"{npus.hccn_conf} has no address_N for NPU {some(bare)}"
            yield warning(words, "set the addresses by hccn_tool -i N -ip -s …, which also writes the file")


def device_nodes(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Ranks may open their NPUs: by the group that they get, unless they are root."""
    if needs.npus is None or facts.uid == 0 or needs.root_in_containers:
        return
    for node in facts.nodes:
        by_group = node.mode & 0o060 == 0o060 and node.gid == needs.npus.group
        if not by_group and node.mode & 0o006 != 0o006:
            words = f"{node.path} is for group {node.gid} (mode {node.mode:o})"
            given = "no group" if needs.npus.group is None else f"group {needs.npus.group}"
            yield error(
                f"{words}, ranks get {given}",
                f"device_gid: {node.gid} in the cluster file; launcher discover",
            )


def npu_smi(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It answers."""
    for npus, known in _npus(needs, facts):
        if known.smi_refusal:
            words = f"health and processes of NPUs are not known: {npus.npu_smi} info: {known.smi_refusal}"
            remedy = "try it there by hand; -8005 and -8020 mean that another container has the device"
            yield warning(words, remedy)


def health(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Every NPU is well."""
    for npus, known in _npus(needs, facts):
        for device in npus.devices:
            said = known.health.get(device)
            if said is None and not known.smi_refusal:
                words = f"npu-smi shows no NPU {device}, only {some([str(each) for each in known.health])}"
                yield warning(words, "see what is there: launcher discover; or leave it out of `devices`")
            elif said not in (None, "OK"):
                level = Level.WARNING if said in _LIGHT_HEALTH else Level.ERROR
                npu, chip = known.places[device]
                remedy = f"why: npu-smi info -t health -i {npu} -c {chip}; or leave it out of `devices`"
                yield Complaint(level, f"the health of NPU {device} is {said}", remedy)


def hccn_tool(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It answers."""
    for npus, known in _npus(needs, facts):
        if known.hccn_refusals:
            asked, words = next(iter(known.hccn_refusals.items()))
            more = len(known.hccn_refusals) - 1
            rest = f", and so for {more} questions more" if more else ""
            remedy = "try it there by hand; it may need root, or the driver's group"
            yield warning(f"{npus.hccn_tool} {asked}: {words}{rest}", remedy)


def device_ips(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """They are what the cluster file, and so the rank table, says."""
    for device, port, npus in _ports(needs, facts):
        wanted = npus.ips.get(device)
        if wanted and port.ip and port.ip != wanted:
            words = f"NPU {device} has the address {port.ip}, the cluster file says {wanted}"
            level = Level.ERROR if npus.launch is Launch.RANK_TABLE else Level.WARNING
            remedy = "HCCL refuses such a rank table: launcher discover writes what is there"
            yield Complaint(level, words, remedy)


def link(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """The port of every NPU is up, where NPUs of several hosts work together."""
    for device, port, npus in _ports(needs, facts):
        if port.link not in (None, "UP"):
            remedy = (
                f"see cable, module and switch: hccn_tool -i {device} -optical -g, -link_stat -g, -lldp -g"
            )
            yield Complaint(_if_needed(npus), f"the link of NPU {device} is {port.link}", remedy)


def net_health(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """The network of every NPU is well."""
    for device, port, npus in _ports(needs, facts):
        if port.net_health not in (None, "Success"):
            level = Level.WARNING if port.net_health == "Init" else _if_needed(npus)
            remedy = (
                f"see gateway and detected address: hccn_tool -i {device} -gateway -g, -netdetect -g; "
                "Init: no address to detect is set"
            )
            yield Complaint(level, f"the net health of NPU {device} is {port.net_health}", remedy)


def ping(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Every NPU reaches those of other hosts that it was to ask."""
    for npus, known in _npus(needs, facts):
        for device in npus.devices:
            silent = [
                peer
                for peer in npus.peers
                if peer.device == device and (device, peer.address) in known.unanswered
            ]
            if silent:
                yield _unanswered(device, silent, known.unanswered[device, silent[0].address])
        if known.unasked:
            words = f"{known.unasked} of {len(npus.peers)} pings were not tried: others took too long"
            yield warning(words, "try all of them, however long it takes: --deep")


def _unanswered(device: int, silent: Sequence[Peer], said: str) -> Complaint:
    peers = some([f"{peer.address} on host {peer.host}" for peer in silent])
    remedy = (
        f"see both sides: hccn_tool -i {device} -ip -g, -gateway -g, -link -g; then the switch between them"
    )
    return error(f"NPU {device} gets no answer from {peers}: {said}", remedy)


def _npus(needs: HostNeeds, facts: Facts) -> Iterator[tuple[NpuNeeds, NpuFacts]]:
    if needs.npus is not None and facts.npus is not None:
        yield needs.npus, facts.npus


def _ports(needs: HostNeeds, facts: Facts) -> Iterator[tuple[int, Port, NpuNeeds]]:
    for npus, known in _npus(needs, facts):
        for device in npus.devices:
            yield device, known.ports.get(device, Port()), npus


def _if_needed(npus: NpuNeeds) -> Level:
    """NPUs of one host reach each other without their ports."""
    return Level.ERROR if npus.meet else Level.WARNING
