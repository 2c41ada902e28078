"""Images to the hosts that lack them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from launcher.errors import CheckFailed
from launcher.hosts import Host, LocalHost, RemoteError
from launcher.hosts.fleet import on_all
from launcher.images.here import HERE, image_here
from launcher.images.identity import Image
from launcher.images.order import Order
from launcher.images.refusals import differing, nowhere, require_architecture
from launcher.images.registry import pull
from launcher.images.send import send
from launcher.images.stock import Stock


def deliver(order: Order) -> tuple[str, ...]:
    """Let every host have the image; labels of those that have been given it.

    Raises CheckFailed where nobody has it, hosts have different ones or it is for another architecture,
    RemoteError and HostError naming every host where it does not arrive.
    """
    stocks = on_all(order.hosts.values(), order.look)
    wanted, origins = _wanted(order, stocks)
    lacking = {label: stock for label, stock in stocks.items() if not _has(stock, wanted)}
    if not lacking:
        return ()
    if order.registry is not None and order.origin is None:
        _pull(order, order.registry, wanted, list(lacking))
        return tuple(lacking)
    if wanted is None:
        raise nowhere(order.image, len(stocks))
    require_architecture(order.image, wanted, lacking)
    send(order, wanted, origins, lacking)
    _require_arrived(order, wanted, list(lacking))
    return tuple(lacking)


def _has(stock: Stock, wanted: Image | None) -> bool:
    return stock.image is not None and wanted is not None and stock.image.identity == wanted.identity


def _wanted(order: Order, stocks: Mapping[str, Stock]) -> tuple[Image | None, list[Host]]:
    """The image that all shall have, and who has it: first whose it is meant to be."""
    found = {label: stock.image for label, stock in stocks.items() if stock.image is not None}
    if order.origin is None and found:
        if len({image.identity for image in found.values()}) > 1:
            raise differing(order.image, found)
        return next(iter(found.values())), [order.hosts[label] for label in found]
    if order.origin is None and order.registry is not None:  # rather than what this machine may have
        return None, []
    if order.origin is None or order.origin == HERE:
        image = image_here(order.image)
        return image, [LocalHost(HERE)] if image is not None else []
    if order.origin not in found:
        raise CheckFailed(f"host {order.origin}: image {order.image} is not there")
    image = found.pop(order.origin)
    same = [order.hosts[label] for label, other in found.items() if other.identity == image.identity]
    return image, [order.hosts[order.origin], *same]


def _pull(order: Order, registry: str, wanted: Image | None, labels: Sequence[str]) -> None:
    """From the registry; where some cannot, from those that can or have it, or from this machine.

    Raises CheckFailed where the registry has another image than hosts have, or one that is not for them.
    """
    try:
        pull(order, registry, labels, wanted)
    except RemoteError as error:
        others = replace(order, registry=None)
        if _wanted(others, on_all(order.hosts.values(), order.look))[0] is None:
            raise
        order.tell(f"{error}; it is sent from host to host instead")
        deliver(others)


def _require_arrived(order: Order, wanted: Image, labels: Sequence[str]) -> None:
    """Raises RemoteError where an engine has another image now than it was given."""
    for label, stock in on_all([order.hosts[label] for label in labels], order.look).items():
        if not _has(stock, wanted):
            raise RemoteError(f"host {label}: its engine has not got image {order.image} as it was sent")
