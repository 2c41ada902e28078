"""Images from and to a registry, by the engines of hosts and with the logins that their users have there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from launcher.errors import LauncherError
from launcher.hosts import Host
from launcher.hosts.fence import checked
from launcher.hosts.fleet import together
from launcher.images.post import Site
from launcher.remote import script

_AT_ONCE = 8
"""Hosts that pull at the same time, after the first has."""
_LONG = 24 * 3600.0


def name_at(registry: str, image: str) -> str:
    """What an image is called at a registry."""
    return f"{registry.rstrip('/')}/{image}"


def pull(
    registry: str,
    image: str,
    hosts: Sequence[Host],
    sites: Mapping[str, Site],
    tell: Callable[[str], None],
) -> None:
    """The first host alone, so that a name or a login that is wrong is said once; then the others.

    Raises RemoteError with Docker's own words, HostError.
    """

    def of(host: Host) -> LauncherError | None:
        words = ("sudo" if sites[host.label].sudo else "", name_at(registry, image), image)
        try:
            checked(host, script("image_pull"), *words, timeout=_LONG)
        except LauncherError as error:
            return error
        return None

    tell(f"image {image}: pulled from {registry} by {', '.join(host.label for host in hosts)}")
    first, *others = hosts
    errors = [of(first)]
    if errors == [None]:
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            errors.extend(pool.map(of, others))
    if failed := [error for error in errors if error is not None]:
        raise together(failed)


def push(registry: str, image: str, host: Host, *, sudo: bool) -> None:
    """From a host that has it. Raises RemoteError with Docker's own words, HostError."""
    words = ("sudo" if sudo else "", image, name_at(registry, image))
    checked(host, script("image_to_registry"), *words, timeout=_LONG)
