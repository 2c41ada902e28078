"""What the engine of a host has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launcher.hosts import Host
from launcher.images.identity import Image, image_of

if TYPE_CHECKING:
    from docker import APIClient


@dataclass(frozen=True, slots=True)
class Stock:
    """One engine and one image."""

    architecture: str
    """Of the engine."""
    image: Image | None
    """None where it is not there."""
    others: tuple[tuple[str, ...], ...] = ()
    """Layers of other images, where it is not there and layers that are there can be left out."""


def look(host: Host, name: str, *, sudo: bool) -> Stock:
    """Ask a host. Raises RemoteError, HostError."""
    from launcher.hosts.engine import engine

    with engine(host, sudo=sudo) as api:
        image = find(api, name)
        others = tuple(_others(api)) if image is None and _takes_parts(api) else ()
        return Stock(str(api.version()["Arch"]), image, others)


def find(api: APIClient, name: str) -> Image | None:
    """An image by name. Raises what the SDK raises."""
    from docker.errors import ImageNotFound

    try:
        return image_of(api.inspect_image(name))  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return None


def list_images(host: Host, *, sudo: bool) -> dict[str, Image]:
    """All images that have a name, by name. Raises RemoteError, HostError."""
    from launcher.hosts.engine import engine

    with engine(host, sudo=sudo) as api:
        found: dict[str, Image] = {}
        for each in api.images():
            names = [name for name in each.get("RepoTags") or () if name != "<none>:<none>"]
            if names and (image := find(api, str(each["Id"]))) is not None:
                found |= dict.fromkeys(names, image)
        return dict(sorted(found.items()))


def _others(api: APIClient) -> list[tuple[str, ...]]:
    found = (find(api, str(each["Id"])) for each in api.images())
    return [image.layers for image in found if image is not None]


def _takes_parts(api: APIClient) -> bool:
    """Whether the engine loads an archive without layers that it has: not with images in containerd."""
    status: list[Any] = api.info().get("DriverStatus") or []
    return not any("containerd" in str(value) for _, value in status)
