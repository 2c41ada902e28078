"""The members of the gang: each rank, and the scheduler of the dynamic mode. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.plan import layout
from launcher.plan.containers import Shared, container
from launcher.plan.environment import (
    Pairs,
    Seat,
    rank_environment,
    rendezvous_environment,
    scheduler_environment,
)
from launcher.plan.model import SCHEDULER, Member
from launcher.plan.placement import Slot
from launcher.plan.site import Gang, Site
from launcher.spec.cluster import Cluster, DeviceKind, RuntimeKind


def members_on(gang: Gang, place: Site, slots: Sequence[Slot], *, scheduler: bool) -> tuple[Member, ...]:
    """The members of one host, the scheduler first."""
    shared = Shared(gang, place) if gang.in_containers else None
    first = (_scheduler(gang, place, shared),) if scheduler else ()
    return (*first, *(_rank(gang, place, shared, slot, len(slots)) for slot in slots))


def _rank(gang: Gang, place: Site, shared: Shared | None, slot: Slot, local_ranks: int) -> Member:
    key = str(slot.rank)
    seat = Seat(slot.rank, slot.host, _visible_device(gang.cluster, slot.device), local_ranks)
    environment = rendezvous_environment(gang.meet, gang.binding) + rank_environment(
        gang.cluster, gang.job, seat, place.seen(key), gang.meet
    )
    return _member(place, shared, key, slot.rank, slot.device, environment)


def _scheduler(gang: Gang, place: Site, shared: Shared | None) -> Member:
    environment = rendezvous_environment(gang.meet, gang.binding) + scheduler_environment(
        gang.job, place.seen(SCHEDULER)
    )
    return _member(place, shared, SCHEDULER, None, None, environment)


def _visible_device(cluster: Cluster, device: int | None) -> int | None:
    """The index that set_device takes: 0 in a container that sees one NPU, unless the cluster says else."""
    one_npu = cluster.runtime is RuntimeKind.DOCKER and cluster.device is not DeviceKind.CPU
    logical = one_npu and cluster.driver.device_id_in_container == "logical"
    return 0 if device is not None and logical else device


def _member(
    place: Site, shared: Shared | None, key: str, rank: int | None, device: int | None, environment: Pairs
) -> Member:
    script = layout.rank_script(key)
    return Member(
        key=key,
        rank=rank,
        host=place.host.label,
        device=device,
        log_dir=place.layout.log(key),
        environment=environment,
        script=script,
        container=container(shared, key, device, script) if shared else None,
    )
