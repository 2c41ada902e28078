"""The gang as a whole, and each host as the place where a part of it runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.plan import layout
from launcher.plan.environment import Pairs, Paths, Rendezvous
from launcher.plan.layout import Layout, log_name
from launcher.plan.model import RANK_TABLE, Binding, Owner
from launcher.spec.cluster import Cluster, Host, RuntimeKind
from launcher.spec.job import Job

INSIDE = "/run/launcher"
"""Where a container sees what is the launcher's; no dot in it: GLOG_log_dir takes none."""


@dataclass(frozen=True, slots=True)
class Gang:
    """What all members have in common."""

    cluster: Cluster
    job: Job
    binding: Binding
    meet: Rendezvous

    @property
    def in_containers(self) -> bool:
        """Whether a member is a container."""
        return self.cluster.runtime is RuntimeKind.DOCKER


@dataclass(frozen=True, slots=True)
class Site:
    """One host, and what all members on it share."""

    host: Host
    layout: Layout
    owner: Owner
    """Who ranks run as."""
    secrets: str | None
    """The file with the secrets of the run, if it has any."""
    volumes: Pairs
    """Name and path on the host."""
    seen_volumes: Pairs
    """Name and path as members see them."""
    in_containers: bool

    def sources(self, key: str) -> Paths:
        """Paths of a member on the host."""
        place = self.layout
        return Paths(
            log=place.log(key),
            state=place.state,
            lease=place.lease,
            rank_table=place.rank_table,
            secrets=self.secrets or "",
            volumes=self.volumes,
        )

    def seen(self, key: str) -> Paths:
        """Paths as a member itself sees them."""
        if not self.in_containers:
            return self.sources(key)
        return Paths(
            log=f"{INSIDE}/{log_name(key)}",
            state=f"{INSIDE}/state",
            lease=f"{INSIDE}/lease",
            rank_table=f"{INSIDE}/{RANK_TABLE}",
            secrets=f"{INSIDE}/secrets",
            volumes=self.seen_volumes,
        )


def site(gang: Gang, host: Host) -> Site:
    """The part of the gang's world that is on one host."""
    job, binding = gang.job, gang.binding
    owner = binding.owners.get(host.label, Owner())
    work_dir = host.work_dir or gang.cluster.work_dir or layout.default_work_dir(owner.uid)
    place = Layout(work_dir, binding.run_id, binding.attempt)
    volumes = tuple((name, _source(gang, place, name)) for name in job.volumes)
    targets = tuple((name, volume.target or f"/launcher/{name}") for name, volume in job.volumes.items())
    return Site(
        host=host,
        layout=place,
        owner=owner,
        secrets=layout.secrets_file(owner.uid, binding.run_id) if job.secrets else None,
        volumes=volumes,
        seen_volumes=targets if gang.in_containers else volumes,
        in_containers=gang.in_containers,
    )


def _source(gang: Gang, place: Layout, name: str) -> str:
    if name == "code":
        return place.code(gang.binding.code)
    return gang.job.volumes[name].source or place.checkpoints
