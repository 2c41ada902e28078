"""What could not be found out, and what is odd. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from launcher.discover.changes import Known, used_devices
from launcher.discover.draft import Draft
from launcher.discover.facts import Facts
from launcher.discover.kind import kind_of
from launcher.discover.network import Choice
from launcher.equal import by_value
from launcher.spec.cluster import DeviceKind, Host, RuntimeKind
from launcher.spec.wording import some


def problems(draft: Draft, known: Known, choice: Choice, kind: DeviceKind) -> Iterator[str]:
    """What the file still lacks, and what to do about it."""
    yield from _open_addresses(draft, choice)
    has_npus = any(facts.nodes for facts in known.facts.values())
    if has_npus and not draft.has_device and not kind.is_ascend:
        names = sorted({chip.name for facts in known.facts.values() for chip in facts.chips})
        said = f"npu-smi calls the chips {some(names)}" if names else "npu-smi names no chips"
        yield f"the device kind is not known, {said}: write `device` into the file"
    for host in draft.cluster.hosts if kind.is_ascend else ():
        facts = known.facts.get(host.label)
        if facts is not None and not facts.nodes:
            yield f"host {host.label}: no /dev/davinciN is there: is the driver loaded (npu-smi info)?"
        elif facts is not None:
            yield from _npu_problems(draft, host, facts, kind)


def _open_addresses(draft: Draft, choice: Choice) -> Iterator[str]:
    if len(draft.cluster.hosts) < 2:
        return  # no other host is to be reached
    for label, found in choice.open.items():
        has = ", ".join(f"{each.address} ({each.name})" for each in found) or "none"
        yield f"host {label}: host_ip is not known, its addresses are {has}: write it, or choose by --network"


def _npu_problems(draft: Draft, host: Host, facts: Facts, kind: DeviceKind) -> Iterator[str]:
    devices = used_devices(draft, host, facts)
    gids = {node.gid for node in facts.nodes if node.physical in devices}
    if len(gids) > 1:
        shown = ", ".join(map(str, sorted(gids)))
        yield f"host {host.label}: its device nodes are for different groups ({shown}): make them one"
    needs_ips = len(draft.cluster.hosts) > 1 or kind is DeviceKind.ASCEND910
    bare = [str(d) for d in devices if d not in facts.device_ips and d not in host.device_ips]
    if needs_ips and bare:
        yield f"host {host.label}: no address of NPU {some(bare)}: see hccn_tool -i N -ip -g"
    if kind is DeviceKind.ASCEND910_93:
        without = [
            str(device)
            for device in devices
            if device not in host.super_device_ids
            and (device not in facts.spods or facts.spods[device].sdid is None)
        ]
        if without:
            yield (
                f"host {host.label}: no super device id of NPU {some(without)}: "
                "see npu-smi info -t spod-info -i NPU -c CHIP"
            )


def warnings(draft: Draft, known: Known, kind: DeviceKind) -> Iterator[str]:
    """What differs between hosts, what is left unused, and what tools said."""
    yield from _differing(known.facts, lambda facts: facts.machine, "architectures")
    yield from _differing(known.facts, lambda facts: facts.driver, "drivers")
    yield from _differing(known.facts, lambda facts: facts.docker, "Docker engines")
    kinds = {label: found.value for label, facts in known.facts.items() if (found := kind_of(facts.chips))}
    yield from _differing(known.facts, lambda facts: _kind_name(facts), "device kinds")
    if not kind.is_ascend and draft.has_device and kinds:
        yield f"there are NPUs ({some(sorted(set(kinds.values())))}), and the file says `device: cpu`"
    for host in draft.cluster.hosts:
        facts = known.facts.get(host.label)
        if facts is None:
            continue
        yield from (f"host {host.label}: {note}" for note in facts.notes)
        if facts.docker_refusal and draft.cluster.runtime is RuntimeKind.DOCKER:
            yield f"host {host.label}: Docker: {facts.docker_refusal}"
        unused = set(facts.devices) - set(used_devices(draft, host, facts)) if kind.is_ascend else ()
        if unused:
            yield f"host {host.label}: not in the file: NPU {some([str(d) for d in sorted(unused)])}"


def _kind_name(facts: Facts) -> str:
    found = kind_of(facts.chips)
    return found.value if found else ""


def _differing(facts: Mapping[str, Facts], value_of: Callable[[Facts], str], what: str) -> Iterator[str]:
    """Hosts by value where there is more than one; a host that does not tell is none of them."""
    found = by_value({label: value_of(each) for label, each in facts.items()})
    if len(found) > 1:
        shown = "; ".join(f"{value} on {some(labels)}" for value, labels in found.items())
        yield f"{what} differ: {shown}"
