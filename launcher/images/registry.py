"""Images from and to a registry, by the engines of hosts and with the logins that their users have there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import checked
from launcher.hosts.fleet import together
from launcher.images.identity import Image
from launcher.images.order import Order
from launcher.images.refusals import require_architecture
from launcher.remote import script

_AT_ONCE = 8
"""Hosts that pull at the same time, after the first has."""
_LONG = 24 * 3600.0


def name_at(registry: str, image: str) -> str:
    """What an image is called at a registry: also where its name says that it is from there."""
    place = f"{registry.rstrip('/')}/"
    return image if image.startswith(place) else place + image


def pull(order: Order, registry: str, labels: Sequence[str], wanted: Image | None) -> None:
    """The first host alone, so that a name or a login that is wrong is said once; then the others.

    No engine calls it what jobs call it before it is known to be `wanted`; None: what the first has got.
    Raises CheckFailed where it is another, RemoteError with Docker's own words, HostError.
    """
    order.tell(f"image {order.image}: pulled from {registry} by {', '.join(labels)}")
    first, *others = labels
    expected = _take(order, registry, first, wanted)

    def of(label: str) -> LauncherError | None:
        try:
            _take(order, registry, label, expected)
        except LauncherError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        failed = [error for error in pool.map(of, others) if error is not None]
    if failed:
        raise together(failed)


def _take(order: Order, registry: str, label: str, wanted: Image | None) -> Image:
    """Pull, compare, and give it the name that jobs say."""
    host, sudo, at = order.hosts[label], _sudo(order, label), name_at(registry, order.image)
    try:
        checked(host, script("image_pull"), sudo, at, timeout=_LONG)
    except RemoteError as error:
        raise RemoteError(str(error), hint=_remedy(str(error), order.image, registry, label)) from error
    try:
        image = _compared(order, registry, label, wanted)
    except CheckFailed:
        checked(host, script("image_rename"), sudo, at)
        raise
    checked(host, script("image_rename"), sudo, at, order.image)
    return image


def _compared(order: Order, registry: str, label: str, wanted: Image | None) -> Image:
    stock = order.look(order.hosts[label], name_at(registry, order.image))
    if stock.image is None:
        raise RemoteError(f"host {label}: its engine has not got image {order.image} that it has pulled")
    require_architecture(order.image, stock.image, {label: stock})
    if wanted is not None and stock.image.identity != wanted.identity:
        raise CheckFailed(
            f"host {label}: {registry} gave image {order.image} as {stock.image.identity}, "
            f"but other hosts have {wanted.identity}",
            hint=f"push theirs: launcher image push {order.image} --registry {registry}; "
            f"or, where the registry's is meant, remove theirs: docker rmi {order.image}",
        )
    return stock.image


def push(registry: str, image: str, host: Host, *, sudo: bool) -> None:
    """From a host that has it. Raises RemoteError with Docker's own words, HostError."""
    words = ("sudo" if sudo else "", image, name_at(registry, image))
    try:
        checked(host, script("image_to_registry"), *words, timeout=_LONG)
    except RemoteError as error:
        raise RemoteError(str(error), hint=_remedy(str(error), image, registry, host.label)) from error


def _sudo(order: Order, label: str) -> str:
    return "sudo" if order.sites[label].sudo else ""


_REMEDIES = (
    (
        ("manifest unknown", "not found", "name unknown"),
        "put it there from a host that has it: launcher image push {image} --registry {registry}",
    ),
    (
        ("unauthorized", "no basic auth", "denied", "authentication required"),
        "log in on that host, as the user that SSH logs in as: docker login {server}",
    ),
    (
        ("HTTP response to HTTPS client", "x509:", "certificate"),
        "let its engine trust the registry: the certificate in /etc/docker/certs.d/{server}/ca.crt, or "
        "`insecure-registries` in /etc/docker/daemon.json",
    ),
    (
        ("connection refused", "no such host", "timeout", "no route to host", "network is unreachable"),
        "let {host} reach {server}: is it up, are name, port and proxy of the engine right?",
    ),
)
"""What Docker's client says, and what helps."""


def _remedy(said: str, image: str, registry: str, host: str) -> str | None:
    for signs, remedy in _REMEDIES:
        if any(sign in said for sign in signs):
            return remedy.format(image=image, registry=registry, server=registry.partition("/")[0], host=host)
    return None
