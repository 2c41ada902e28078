"""What is asked of a delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from launcher.hosts import Host
from launcher.images.post import Site
from launcher.images.stock import Stock, look


@dataclass(frozen=True, slots=True)
class Order:
    """An image for some hosts. `hosts` and `sites` are by label."""

    image: str
    hosts: Mapping[str, Host]
    sites: Mapping[str, Site]
    registry: str | None = None
    origin: str | None = None
    """The host whose image is meant, or HERE; None: whoever has it, all having the same."""
    tell: Callable[[str], None] = lambda words: None
    stop: Callable[[], None] = lambda: None
    """Called now and then; raises when the delivery shall end."""

    def look(self, host: Host, name: str | None = None) -> Stock:
        """What a host has of the image, under its own name or another. Raises RemoteError, HostError."""
        return look(host, name or self.image, sudo=self.sites[host.label].sudo)
