"""Who we are on a host."""

from __future__ import annotations

from launcher.hosts.base import Host
from launcher.hosts.fence import checked
from launcher.plan.model import Owner
from launcher.remote import script


def owner_on(host: Host) -> Owner:
    """Our user and group there. Raises HostError, RemoteError."""
    facts = dict(line.split(" ", 1) for line in checked(host, script("facts")).out.splitlines())
    return Owner(uid=facts["uid"], gid=facts["gid"])
