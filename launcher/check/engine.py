"""What Docker on a host says of itself, of an image and of devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from launcher.check.facts import Engine
from launcher.check.host_needs import HostNeeds
from launcher.hosts import DockerSilent, Host, RemoteError
from launcher.images.stock import find
from launcher.npu import docker_runtime

if TYPE_CHECKING:
    from docker import APIClient


PATIENCE = 90.0
"""Seconds for each answer."""
_NODE = "/dev/davinci"
_OF_IMAGES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Architectures that images call otherwise than the kernel does."""


def ask_engine(host: Host, needs: HostNeeds) -> Engine:
    """Facts for the rules; that Docker does not answer is one, too. Raises HostError."""
    from launcher.hosts.engine import engine

    try:
        with engine(host, sudo=needs.sudo, timeout=PATIENCE) as api:
            return _facts(api, needs)
    except (RemoteError, DockerSilent) as error:
        return Engine(refusal=str(error).removeprefix(f"host {host.label}: "), hint=error.hint)


def _facts(api: APIClient, needs: HostNeeds) -> Engine:
    about = api.info()
    machine = str(about["Architecture"])
    image = find(api, needs.image) if needs.image else None
    return Engine(
        version=str(about.get("ServerVersion", "")),
        architecture=_OF_IMAGES.get(machine, machine),
        security=tuple(about.get("SecurityOptions") or ()),
        image_architecture=image.architecture if image else None,
        image_identity=image.identity if image else "",
        image_size=image.size if image else 0,
        runtimes=tuple(about["Runtimes"]),
        taken=tuple(_taken(api, needs.device_nodes)) if needs.device_nodes else (),
    )


def _taken(api: APIClient, nodes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    from docker.errors import NotFound

    for each in api.containers():
        try:
            found = api.inspect_container(each["Id"])
        except NotFound:  # it has ended meanwhile
            continue
        for node in nodes:
            if _has(found, node):
                yield node, found["Name"].removeprefix("/")


def _has(container: Mapping[str, Any], node: str) -> bool:
    """Whether it is privileged, or is given the node: by name, with a directory, or by the Ascend runtime."""
    config, env = container["HostConfig"], container["Config"]["Env"] or ()
    mapped = [device["PathOnHost"] for device in config["Devices"] or ()]
    return (
        config["Privileged"]
        or any(PurePosixPath(node).is_relative_to(path) for path in mapped)
        or (
            config["Runtime"] == docker_runtime.NAME
            and docker_runtime.is_given(int(node.removeprefix(_NODE)), env)
        )
    )
