"""The hosts of a cluster file, for commands about images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote
from types import TracebackType
from typing import TypeVar

from launcher.errors import CheckFailed
from launcher.hosts import Host, LocalHost, connect, endpoints_of
from launcher.hosts.fleet import on_all
from launcher.hosts.owner import owner_on
from launcher.images.deliver import deliver
from launcher.images.here import HERE, image_here
from launcher.images.order import Order
from launcher.images.post import Site
from launcher.images.registry import push
from launcher.images.stock import look
from launcher.plan.containers import needs_sudo
from launcher.plan.layout import default_work_dir
from launcher.spec.cluster import Cluster
from launcher.spec.wording import no_host

Result = TypeVar("Result")
LOCAL = "local"


class Fleet:
    """Connections to hosts, closed at the end of a `with`."""

    def __init__(self, cluster: Cluster, only: Sequence[str]) -> None:
        """`only` these hosts, all where none is named. Raises UsageError for one that is none of them."""
        self.cluster = cluster
        endpoints = endpoints_of(cluster)
        if unknown := [label for label in only if label not in endpoints]:
            raise no_host(unknown[0], endpoints)
        self.hosts = {label: connect(each) for label, each in endpoints.items() if not only or label in only}
        self.sites: dict[str, Site] = {}

    def __enter__(self) -> Fleet:
        """Learn where hosts keep what is theirs. Raises HostError, RemoteError."""
        described = {host.label: host for host in self.cluster.hosts}
        owners = on_all(self.hosts.values(), owner_on)
        self.sites = {
            label: Site(
                described[label].work_dir or self.cluster.work_dir or default_work_dir(owner.uid),
                needs_sudo(self.cluster, described[label]),
                described[label].host_ip,
            )
            for label, owner in owners.items()
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts.values():
            host.close()

    def on_all(self, action: Callable[[Host], Result]) -> dict[str, Result]:
        """Results by label. Raises the gravest error, naming every host that failed."""
        return on_all(self.hosts.values(), action)

    def deliver(self, name: str, origin: str | None, tell: Callable[[str], None]) -> tuple[str, ...]:
        """To all; labels of those that lacked it. Raises UsageError, and as `deliver.deliver`."""
        return deliver(
            Order(
                image=name,
                hosts=self.hosts,
                sites=self.sites,
                registry=self.cluster.registry,
                origin=self._origin(origin),
                tell=tell,
            )
        )

    def _origin(self, name: str | None) -> str | None:
        if name == LOCAL:
            return HERE
        if name is not None and name not in self.hosts:
            raise no_host(name, [*self.hosts, LOCAL])
        return name

    def push_to(self, registry: str, name: str, origin: str | None, tell: Callable[[str], None]) -> str:
        """To a registry, from a host that has it; its label. Raises UsageError; CheckFailed: none has it."""
        origin = self._origin(origin)
        if origin == HERE:
            if image_here(name) is None:
                raise CheckFailed(f"image {name} is not on {HERE}")
            push(registry, name, LocalHost(HERE), sudo=False, tell=tell)
            return HERE
        for label in [origin] if origin else list(self.hosts):
            host, sudo = self.hosts[label], self.sites[label].sudo
            if look(host, name, sudo=sudo).image is not None:
                push(registry, name, host, sudo=sudo, tell=tell)
                return label
        raise CheckFailed(
            f"image {name} is not on {origin or 'any host'}",
            hint=f"make it: launcher image build --tag {quote(name)}",
        )
