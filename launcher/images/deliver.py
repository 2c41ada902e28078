"""Images to the hosts that lack them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Host, LocalHost, RemoteError
from launcher.hosts.fleet import on_all, together, try_on_all
from launcher.images.chain import Chain
from launcher.images.here import HERE, image_here
from launcher.images.identity import Image, files_left_out, layers_there
from launcher.images.keys import Pass, new_pass
from launcher.images.post import BEATS, Parcel, Post, Site
from launcher.images.registry import pull
from launcher.images.stock import Stock, look
from launcher.repeat import repeating
from launcher.spec.wording import in_units

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """An image for some hosts. `hosts` and `sites` are by label."""

    image: str
    hosts: Mapping[str, Host]
    sites: Mapping[str, Site]
    registry: str | None = None
    origin: str | None = None
    """The host whose image is meant, or HERE; None: whoever has it, all having the same."""
    tell: Tell = lambda words: None
    stop: Callable[[], None] = lambda: None
    """Called now and then; raises when the delivery shall end."""

    def look(self, host: Host) -> Stock:
        """What a host has. Raises RemoteError, HostError."""
        return look(host, self.image, sudo=self.sites[host.label].sudo)


def deliver(order: Order) -> tuple[str, ...]:
    """Let every host have the image; labels of those that have been given it.

    Raises CheckFailed where nobody has it, hosts have different ones or it is for another architecture,
    RemoteError and HostError naming every host where it does not arrive.
    """
    stocks = on_all(order.hosts.values(), order.look)
    wanted, origin = _wanted(order, stocks)
    lacking = [label for label, stock in stocks.items() if not _has(stock, wanted)]
    if not lacking:
        return ()
    if order.registry is not None and order.origin is None:
        try:
            pull(
                order.registry,
                order.image,
                [order.hosts[label] for label in lacking],
                order.sites,
                order.tell,
            )
            return _arrived(order, lacking, None)
        except RemoteError as error:
            if wanted is None:
                raise
            order.tell(f"{error}; it is sent from {origin.label if origin else HERE} instead")
    if wanted is None or origin is None:
        raise nowhere(order.image, len(stocks))
    _fits(order.image, wanted, {label: stocks[label] for label in lacking})
    _send(order, wanted, origin, {label: stocks[label] for label in lacking})
    return _arrived(order, lacking, wanted)


def nowhere(image: str, hosts: int) -> CheckFailed:
    """Nobody has it."""
    where = "the host has it, nor" if hosts == 1 else "none of the hosts has it, nor"
    return CheckFailed(
        f"image {image} is nowhere: {where} the engine of this machine",
        hint="make it: launcher image build, or docker pull it on one of the hosts",
    )


def _has(stock: Stock, wanted: Image | None) -> bool:
    return stock.image is not None and wanted is not None and stock.image.identity == wanted.identity


def _wanted(order: Order, stocks: Mapping[str, Stock]) -> tuple[Image | None, Host | None]:
    """The image that all shall have, and a host that has it."""
    if order.origin is not None and order.origin != HERE:
        image = stocks[order.origin].image
        if image is None:
            raise CheckFailed(f"host {order.origin}: image {order.image} is not there")
        return image, order.hosts[order.origin]
    found = {label: stock.image for label, stock in stocks.items() if stock.image is not None}
    if order.origin is None and found:
        if len({image.identity for image in found.values()}) > 1:
            raise differing(order.image, found)
        label, image = next(iter(found.items()))
        return image, order.hosts[label]
    image = image_here(order.image)
    return image, LocalHost(HERE) if image is not None else None


def differing(name: str, found: Mapping[str, Image]) -> CheckFailed:
    """Hosts have different images under one name."""
    listed = "; ".join(
        f"{label} has {image.identity} ({image.architecture})" for label, image in found.items()
    )
    return CheckFailed(
        f"image {name} is not the same on all hosts: {listed}",
        hint=f"give all of them that of one host: launcher image push {name} --from HOST",
    )


def _fits(name: str, image: Image, stocks: Mapping[str, Stock]) -> None:
    other = [
        f"host {label}: image {name} is for {image.architecture}, the host is {stock.architecture}"
        for label, stock in stocks.items()
        if stock.architecture != image.architecture
    ]
    if other:
        raise CheckFailed("\n".join(other), hint="build it on such a host: launcher image build --on HOST")


def _arrived(order: Order, labels: Sequence[str], wanted: Image | None) -> tuple[str, ...]:
    """Raises RemoteError where an engine has another image now than it was given."""
    stocks = on_all([order.hosts[label] for label in labels], order.look)
    images = {label: stock.image for label, stock in stocks.items()}
    expected = wanted or next(iter(images.values()))
    for label, image in images.items():
        if image is None or expected is None or image.identity != expected.identity:
            raise RemoteError(f"host {label}: its engine has not got image {order.image} as it was sent")
    return tuple(labels)


# ---- from host to host


def groups(wanted: Image, stocks: Mapping[str, Stock]) -> dict[int, list[str]]:
    """Hosts by how many of the lowest layers they have already."""
    found: dict[int, list[str]] = {}
    for label, stock in stocks.items():
        found.setdefault(layers_there(wanted.layers, stock.others), []).append(label)
    return found


def _send(order: Order, wanted: Image, origin: Host, stocks: Mapping[str, Stock]) -> None:
    for there, labels in groups(wanted, stocks).items():
        failed = _send_to(order, origin, labels, there)
        if there and (refused := [label for label, each in failed.items() if isinstance(each, RemoteError)]):
            for label in refused:
                order.tell(f"{failed.pop(label)}; it is sent whole")
            failed |= _send_to(order, origin, refused, 0)
        if failed:
            raise together(list(failed.values()))


def _send_to(order: Order, origin: Host, labels: Sequence[str], there: int) -> dict[str, LauncherError]:
    """What went wrong, by host."""
    token, keys = secrets.token_hex(8), new_pass()
    site = order.sites.get(origin.label) or _site_here(origin)
    with _posts() as posts, repeating(lambda: _beat(posts), BEATS):
        posts.append(Post(origin, site, token, keys))
        parcel = _parcel(posts[0], order.image, there)
        _say_start(order, origin, labels, parcel, there)
        opened = _open(order, labels, token, keys, posts)
        chain = Chain([posts[0], *opened], parcel, order.tell, order.stop)
        return {label: error for label, error in chain.run().items() if error is not None}


def _beat(posts: list[Post]) -> None:
    for post in list(posts):
        post.beat()


@contextmanager
def _posts() -> Iterator[list[Post]]:
    posts: list[Post] = []
    try:
        yield posts
    finally:
        for post in posts:
            post.close()


def _open(order: Order, labels: Sequence[str], token: str, keys: Pass, posts: list[Post]) -> list[Post]:
    hosts = [order.hosts[label] for label in labels]
    outcomes = try_on_all(hosts, lambda host: Post(host, order.sites[host.label], token, keys))
    opened = [each for each in outcomes.values() if isinstance(each, Post)]
    posts.extend(opened)
    errors = [each for each in outcomes.values() if isinstance(each, LauncherError)]
    if errors:
        raise together(errors)
    return opened


def _site_here(host: Host) -> Site:
    """This machine as a source: others cannot reach it, so what it sends goes through its own connections."""
    from tempfile import gettempdir

    return Site(f"{gettempdir()}/launcher-images", host_ip=None)


def _parcel(source: Post, image: str, there: int) -> Parcel:
    if not there:
        return source.save(image)
    return source.pack(files_left_out(source.unpack(image), there))


def _say_start(order: Order, origin: Host, labels: Sequence[str], parcel: Parcel, there: int) -> None:
    left_out = f", {there} layer(s) are there already" if there else ""
    size = in_units(parcel.size)
    order.tell(f"image {order.image}: {size} from {origin.label} to {', '.join(labels)}{left_out}")
