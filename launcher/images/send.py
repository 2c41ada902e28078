"""An image from a host that has it to those that lack it, past hosts that are lost on the way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from launcher.errors import LauncherError
from launcher.hosts import Host, HostError, RemoteError
from launcher.hosts.fleet import together, try_on_all
from launcher.images.chain import Chain
from launcher.images.identity import Image, files_left_out, layers_there
from launcher.images.keys import Pass, new_pass
from launcher.images.order import Order
from launcher.images.post import BEATS, Parcel, Post, Site
from launcher.images.progress import await_all, workers
from launcher.images.stock import Stock
from launcher.repeat import repeating
from launcher.spec.wording import in_units

Failures = dict[str, LauncherError]
"""What went wrong, by host."""


def send(order: Order, wanted: Image, origins: Sequence[Host], stocks: Mapping[str, Stock]) -> None:
    """To the hosts of `stocks`, from the first of `origins`; where that is lost, from another that has it.

    Raises RemoteError and HostError naming every host where it does not arrive.
    """
    origin, *others = origins
    failed = _send_from(order, wanted, origin, stocks)
    lost = failed.pop(origin.label, None)
    if not failed:
        return
    if lost is None:
        raise together(list(failed.values()))
    holders = [*others, *(order.hosts[label] for label in stocks if label not in failed)]
    again = _answering(order, {label: stock for label, stock in stocks.items() if label in failed})
    if not holders or not again:
        raise _interrupted(order, lost, failed)
    order.tell(f"{lost}; it is sent from {holders[0].label} instead")
    errors = [error for label, error in failed.items() if label not in again]
    try:
        send(order, wanted, holders, again)
    except (RemoteError, HostError) as error:
        errors.insert(0, error)
    if errors:
        raise together(errors)


def _answering(order: Order, stocks: Mapping[str, Stock]) -> dict[str, Stock]:
    looks = try_on_all([order.hosts[label] for label in stocks], order.look)
    return {label: stock for label, stock in stocks.items() if isinstance(looks[label], Stock)}


def _interrupted(order: Order, lost: LauncherError, failed: Failures) -> LauncherError:
    hint = "when it is back, the same again: what has arrived need not be sent again"
    words = f"{lost}; no other host has image {order.image}, which {', '.join(failed)} lack"
    return type(lost)(words, hint=hint if isinstance(lost, HostError) else lost.hint)


def groups(wanted: Image, stocks: Mapping[str, Stock]) -> dict[int, list[str]]:
    """Hosts by how many of the lowest layers they have already."""
    found: dict[int, list[str]] = {}
    for label, stock in stocks.items():
        found.setdefault(layers_there(wanted.layers, stock.others), []).append(label)
    return found


def _send_from(order: Order, wanted: Image, origin: Host, stocks: Mapping[str, Stock]) -> Failures:
    """One group of hosts after the other, until the origin is lost: then it is among the failures, too."""
    failures: Failures = {}
    for there, labels in groups(wanted, stocks).items():
        if origin.label in failures:
            failures |= dict.fromkeys(labels, failures[origin.label])
            continue
        failed = _send_to(order, origin, labels, there)
        if there and origin.label not in failed:
            failed = _send_whole(order, origin, failed)
        failures |= failed
    return failures


def _send_whole(order: Order, origin: Host, failed: Failures) -> Failures:
    """Again to those that refused a parcel without the layers that they have."""
    refused = {label: error for label, error in failed.items() if isinstance(error, RemoteError)}
    if not refused:
        return failed
    for error in refused.values():
        order.tell(f"{error}; it is sent whole")
    others = {label: error for label, error in failed.items() if label not in refused}
    return others | _send_to(order, origin, list(refused), 0)


def _send_to(order: Order, origin: Host, labels: Sequence[str], there: int) -> Failures:
    """A parcel without so many layers."""
    token, keys = secrets.token_hex(8), new_pass()
    with _posts() as posts, repeating(lambda: _beat(posts), BEATS):
        try:
            posts.append(Post(origin, order.sites.get(origin.label) or _site_here(), token, keys))
            parcel = _parcel(order, posts[0], there)
        except (RemoteError, HostError) as error:
            return dict.fromkeys([*labels, origin.label], error)
        _say_start(order, origin, labels, parcel, there)
        opened, failed = _open(order, labels, token, keys, parcel, posts)
        outcomes = Chain([posts[0], *opened], parcel, order.tell, order.stop).run()
        failed |= {label: error for label, error in outcomes.items() if error is not None}
        if failed and not posts[0].beat():
            failed[origin.label] = HostError(f"host {origin.label}: contact lost while it gave an image")
    return failed


@contextmanager
def _posts() -> Iterator[list[Post]]:
    posts: list[Post] = []
    try:
        yield posts
    finally:
        for post in posts:
            post.close()


def _beat(posts: list[Post]) -> None:
    for post in list(posts):  # it grows meanwhile
        post.beat()


def _open(
    order: Order, labels: Sequence[str], token: str, keys: Pass, parcel: Parcel, posts: list[Post]
) -> tuple[list[Post], Failures]:
    hosts = [order.hosts[label] for label in labels]
    outcomes = try_on_all(hosts, lambda host: Post(host, order.sites[host.label], token, keys, parcel))
    opened = [each for each in outcomes.values() if isinstance(each, Post)]
    posts.extend(opened)
    for post in opened:
        if post.there:
            order.tell(f"host {post.label}: {in_units(post.there)} of it are there from an earlier delivery")
    return opened, {label: each for label, each in outcomes.items() if isinstance(each, LauncherError)}


def _site_here() -> Site:
    """This machine as a source: others cannot reach it, so what it sends goes through its own connections."""
    from tempfile import gettempdir

    return Site(f"{gettempdir()}/launcher-images", host_ip=None)


def _parcel(order: Order, source: Post, there: int) -> Parcel:
    """Raises RemoteError, HostError, and what `order.stop` raises."""

    def make() -> Parcel:
        if not there:
            return source.save(order.image)
        return source.pack(files_left_out(source.unpack(order.image), there))

    with workers(1) as pool:
        made = pool.submit(make)
        await_all(
            [made], order.stop, lambda: order.tell(f"image {order.image}: host {source.label} saves it")
        )
    return made.result()


def _say_start(order: Order, origin: Host, labels: Sequence[str], parcel: Parcel, there: int) -> None:
    left_out = f", {there} layer(s) are there already" if there else ""
    size = in_units(parcel.size)
    order.tell(f"image {order.image}: {size} from {origin.label} to {', '.join(labels)}{left_out}")
