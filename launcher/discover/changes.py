"""What a cluster file should say otherwise. Pure: a draft and facts in, changes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.discover.draft import Draft
from launcher.discover.facts import Facts, Interface
from launcher.discover.kind import common_kind
from launcher.npu import docker_runtime
from launcher.npu.ifname import names_one
from launcher.spec.cluster import DeviceKind, Driver, Host, RuntimeKind

_PARTS = {"dvpp_cmdlist": "/dev/dvpp_cmdlist", "queue_schedule": "/var/queue_schedule"}
"""What only some drivers have; the Ascend Docker Runtime maps it by itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the file; `old` is None where it has none, `new` is a value or a mapping by device id."""

    host: int | None
    """Position among the hosts; None: a setting of the whole cluster."""
    path: tuple[str, ...]
    old: Any
    new: Any
    contradicts: bool
    """Whether somebody wrote something else than the host has."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been found out."""

    facts: Mapping[str, Facts]
    """Of each host that has answered, by label."""
    addresses: Mapping[str, Interface]
    """On the training network."""


def changes(draft: Draft, known: Known) -> tuple[Change, ...]:
    """Everything that the file lacks or has otherwise than its hosts."""
    kind = device_kind(draft, known.facts.values())
    found = [*_of_cluster(draft, known, kind)]
    shared = _shared_devices(draft, known, kind)
    if shared is not None:
        found.append(Change(None, ("devices",), None, shared, False))
    for index, host in enumerate(draft.cluster.hosts):
        facts = known.facts.get(host.label)
        if facts is not None:
            of_host = _HostChanges(draft, index, host, facts, shared)
            found += of_host.network(known.addresses.get(host.label), is_ascend=kind.is_ascend)
            found += of_host.npus(kind) if kind.is_ascend and facts.nodes else ()
    return tuple(found)


def device_kind(draft: Draft, facts: Iterable[Facts]) -> DeviceKind:
    """What the file should say: what the chips are. CPU in a file stays, a choice on hosts with NPUs, too."""
    written = draft.cluster.device
    if draft.has_device and not written.is_ascend:
        return written
    return common_kind(each.chips for each in facts) or written


def used_devices(draft: Draft, host: Host, facts: Facts) -> tuple[int, ...]:
    """What a host's devices should be: those written that are there, else all that are there."""
    written = draft.devices_of(host)
    there = facts.devices
    kept = tuple(device for device in written or () if device in there)
    return kept or there


def _of_cluster(draft: Draft, known: Known, kind: DeviceKind) -> Iterator[Change]:
    cluster = draft.cluster
    is_known = kind.is_ascend or not any(facts.nodes for facts in known.facts.values())
    if (not draft.has_device and known.facts and is_known) or kind is not cluster.device:
        old = cluster.device.value if draft.has_device else None
        yield Change(None, ("device",), old, kind.value, draft.has_device)
    if kind.is_ascend and known.facts and cluster.runtime is RuntimeKind.DOCKER:
        yield from _of_driver(cluster.driver, [*known.facts.values()])


def _of_driver(driver: Driver, hosts: Sequence[Facts]) -> Iterator[Change]:
    """What is the same on all hosts: a file has one driver."""
    places = {facts.npu_smi for facts in hosts}
    if len(places) == 1 and places.isdisjoint(("", driver.npu_smi)):
        written = driver.npu_smi if "npu_smi" in driver.model_fields_set else None
        yield Change(None, ("driver", "npu_smi"), written, places.pop(), written is not None)
    everywhere = all(docker_runtime.NAME in facts.runtimes for facts in hosts)
    runtime = driver.docker_runtime if "docker_runtime" in driver.model_fields_set else None
    if (runtime is None and everywhere) or (runtime and not everywhere):
        yield Change(None, ("driver", "docker_runtime"), runtime, everywhere, runtime is not None)
    for key, part in _PARTS.items() if runtime is False or not everywhere else ():
        if key not in driver.model_fields_set and all(part in facts.driver_parts for facts in hosts):
            yield Change(None, ("driver", key), None, part, False)


def _shared_devices(draft: Draft, known: Known, kind: DeviceKind) -> tuple[int, ...] | None:
    """Devices that can be written once for all: the file has none yet, and all hosts have the same."""
    is_silent = draft.cluster.devices is None and all(host.devices is None for host in draft.cluster.hosts)
    if not kind.is_ascend or not is_silent or len(draft.cluster.hosts) < 2:
        return None
    found = {facts.devices for facts in known.facts.values()}
    devices = found.pop() if len(found) == 1 else ()
    return devices or None


@dataclass(frozen=True, slots=True)
class _HostChanges:
    draft: Draft
    index: int
    host: Host
    facts: Facts
    shared: tuple[int, ...] | None

    def network(self, interface: Interface | None, *, is_ascend: bool) -> Iterator[Change]:
        """Address and interface; what is written stays where the host has it."""
        host = self.host
        there = {each.address for each in self.facts.interfaces}
        if interface is None:
            return
        if host.host_ip is None or host.host_ip not in there:
            yield self._change("host_ip", host.host_ip, interface.address)
        names = [each.name for each in self.facts.interfaces]
        if is_ascend and (host.ifname is None or not names_one(host.ifname, names)):
            yield self._change("ifname", host.ifname, interface.name)

    def npus(self, kind: DeviceKind) -> Iterator[Change]:
        """Devices and what belongs to each of them."""
        written = self.draft.devices_of(self.host)
        devices = used_devices(self.draft, self.host, self.facts)
        if devices != (written if self.shared is None else self.shared):
            yield self._change("devices", written, devices)
        ips = {device: ip for device, ip in self.facts.device_ips.items() if device in devices}
        yield from self._mapping("device_ips", self.host.device_ips, ips, devices)
        if kind is DeviceKind.ASCEND910_93:
            yield from self._super_pod(devices)
        gids = {node.gid for node in self.facts.nodes if node.physical in devices}
        if len(gids) == 1 and self.host.device_gid not in gids:
            yield self._change("device_gid", self.host.device_gid, gids.pop())

    def _super_pod(self, devices: tuple[int, ...]) -> Iterator[Change]:
        """Ids of dies; the super pod may have been given a name of its own, which stays."""
        spods = {device: spod for device, spod in self.facts.spods.items() if device in devices}
        sdids = {device: spod.sdid for device, spod in spods.items() if spod.sdid is not None}
        yield from self._mapping("super_device_ids", self.host.super_device_ids, sdids, devices)
        pods = {spod.super_pod for spod in spods.values() if spod.super_pod is not None}
        if self.host.super_pod is None and len(pods) == 1:
            yield self._change("super_pod", None, pods.pop())

    def _mapping(
        self, key: str, written: Mapping[int, str], found: Mapping[int, str], devices: tuple[int, ...]
    ) -> Iterator[Change]:
        """What is not known of a device that is used stays as it is."""
        kept = {device: value for device, value in written.items() if device in devices}
        wanted = dict(sorted({**kept, **found}.items()))
        if wanted != dict(written):
            contradicts = any(wanted.get(device) != value for device, value in written.items())
            yield Change(self.index, (key,), dict(written) or None, wanted, contradicts)

    def _change(self, key: str, old: Any, new: Any) -> Change:
        return Change(self.index, (key,), old, new, old is not None)
