"""The members of the gang: each rank, and the scheduler of the dynamic mode. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.plan import layout
from launcher.plan.containers import container, inside
from launcher.plan.environment import (
    Paths,
    Rendezvous,
    identity,
    rank_environment,
    rendezvous_environment,
    scheduler_environment,
)
from launcher.plan.layout import Layout
from launcher.plan.model import SCHEDULER, Binding, Container, Member, Owner
from launcher.plan.placement import Slot
from launcher.spec.cluster import Cluster, DeviceKind, Host, RuntimeKind
from launcher.spec.job import Job


@dataclass(frozen=True, slots=True)
class Gang:
    """What all members have in common."""

    cluster: Cluster
    job: Job
    binding: Binding
    meet: Rendezvous

    def owner(self, host: Host) -> Owner:
        """Who ranks run as on a host."""
        return self.binding.owners.get(host.label, Owner())

    def layout(self, host: Host) -> Layout:
        """Paths of this attempt on a host."""
        work_dir = host.work_dir or self.cluster.work_dir or layout.default_work_dir(self.owner(host).uid)
        return Layout(work_dir, self.binding.run_id, self.binding.attempt)

    def secrets_file(self, host: Host) -> str | None:
        """Where the secrets of the run are on a host, if it has any."""
        if not self.job.secrets:
            return None
        return layout.secrets_file(self.owner(host).uid, self.binding.run_id)

    def sources(self, host: Host, key: str) -> Paths:
        """Paths of a member on its host."""
        place = self.layout(host)
        return Paths(
            log=place.log(key),
            state=place.state,
            lease=place.lease,
            rank_table=place.rank_table,
            secrets=self.secrets_file(host) or "",
            volumes=tuple((name, self._source(place, name)) for name in self.job.volumes),
        )

    def seen(self, host: Host, key: str) -> Paths:
        """Paths as the member itself sees them."""
        in_container = self.cluster.runtime is RuntimeKind.DOCKER
        return inside(self.job, key) if in_container else self.sources(host, key)

    def _source(self, place: Layout, name: str) -> str:
        if name == "code":
            return place.code(self.binding.code)
        return self.job.volumes[name].source or place.checkpoints


def rank_member(gang: Gang, slot: Slot) -> Member:
    """One rank."""
    key = str(slot.rank)
    environment = rendezvous_environment(gang.meet, gang.binding) + rank_environment(
        gang.cluster,
        gang.job,
        slot.host,
        slot.rank,
        _visible_device(gang.cluster, slot.device),
        gang.seen(slot.host, key),
        gang.meet,
    )
    return _member(gang, slot.host, key, slot.rank, slot.device, environment)


def scheduler_member(gang: Gang, host: Host) -> Member:
    """The scheduler: no rank, no device."""
    seen = gang.seen(host, SCHEDULER)
    environment = rendezvous_environment(gang.meet, gang.binding) + scheduler_environment(gang.job, seen)
    return _member(gang, host, SCHEDULER, None, None, environment)


def _visible_device(cluster: Cluster, device: int | None) -> int | None:
    """The index that set_device takes: 0 in a container that sees one NPU, unless the cluster says else."""
    one_npu = cluster.runtime is RuntimeKind.DOCKER and cluster.device is not DeviceKind.CPU
    return (
        0 if device is not None and one_npu and cluster.driver.device_id_in_container == "logical" else device
    )


def _member(
    gang: Gang,
    host: Host,
    key: str,
    rank: int | None,
    device: int | None,
    environment: tuple[tuple[str, str], ...],
) -> Member:
    script = layout.rank_script(key)
    return Member(
        key=key,
        rank=rank,
        host=host.label,
        device=device,
        log_dir=gang.layout(host).log(key),
        environment=environment,
        script=script,
        container=_container(gang, host, key, device, script),
    )


def _container(gang: Gang, host: Host, key: str, device: int | None, script: str) -> Container | None:
    if gang.cluster.runtime is not RuntimeKind.DOCKER:
        return None
    names = identity(gang.binding, key)
    labels = (
        ("launcher.schema", "1"),
        ("launcher.run", gang.binding.run_id),
        ("launcher.rank", key),
        ("launcher.attempt", gang.binding.attempt),
        ("launcher.job", gang.job.name),
        ("launcher.owner", gang.owner(host).uid),
    )
    return container(
        gang.cluster,
        gang.job,
        host,
        key=key,
        device=device,
        script=script,
        layout=gang.layout(host),
        binding=gang.binding,
        owner=gang.owner(host),
        sources=gang.sources(host, key),
        secrets=gang.secrets_file(host),
        labels=labels,
        environment=names,
    )
