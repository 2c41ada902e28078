"""How a host is reached: the business of the machine that connects, so it is no part of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.spec.cluster import THIS_MACHINE, Cluster, Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One host; what is None comes from the user's ssh_config, else from SSH's own defaults."""

    label: str
    address: str
    """Name, literal address or alias; `localhost` is this machine, without SSH."""
    user: str | None = None
    port: int | None = None
    key: str | None = None
    known_hosts: str | None = None
    gateway: str | None = None

    @property
    def is_this_machine(self) -> bool:
        """Whether commands run here."""
        return self.address == THIS_MACHINE


def endpoint_of(cluster: Cluster, host: Host) -> Endpoint:
    """A host of a cluster file; its own `ssh` replaces single settings of the cluster's."""
    own = host.ssh.model_dump(exclude_unset=True) if host.ssh else {}
    settings = {**cluster.ssh.model_dump(), **own}
    del settings["sudo"]
    return Endpoint(label=host.label, address=host.address, **settings)


def endpoints_of(cluster: Cluster) -> dict[str, Endpoint]:
    """All hosts of a cluster file, by label."""
    return {host.label: endpoint_of(cluster, host) for host in cluster.hosts}
