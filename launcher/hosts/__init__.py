"""Hosts: this machine, and others over SSH."""

from launcher.hosts.base import Completed, Dial, DockerSilent, Host, HostError, RemoteError, Stream
from launcher.hosts.endpoint import Endpoint, endpoint_of, endpoints_of
from launcher.hosts.local import LocalHost

__all__ = [
    "Completed",
    "Dial",
    "DockerSilent",
    "Endpoint",
    "Host",
    "HostError",
    "LocalHost",
    "RemoteError",
    "Stream",
    "connect",
    "endpoint_of",
    "endpoints_of",
]


def connect(endpoint: Endpoint) -> Host:
    """The host at an endpoint; the connection is opened when it is first used."""
    if endpoint.is_this_machine:
        return LocalHost(endpoint.label)
    from launcher.hosts.ssh import SshHost  # Fabric takes 0.2 s to import

    return SshHost(endpoint)
