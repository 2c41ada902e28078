"""Images from and to a registry, by the engines of hosts and with the logins that their users have there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import checked
from launcher.hosts.fleet import together
from launcher.images.identity import Image
from launcher.images.order import Order
from launcher.images.progress import await_all, follow, workers
from launcher.images.refusals import require_architecture
from launcher.remote import script
from launcher.spec.wording import some

_AT_ONCE = 8
"""Hosts that pull at the same time, after the first has."""
_NONE_YET = " 0"
"""End of what is said before any layer is known."""


def name_at(registry: str, image: str) -> str:
    """What an image is called at a registry: also where its name says that it is from there."""
    place = f"{registry.rstrip('/')}/"
    return image if image.startswith(place) else place + image


def pull(order: Order, registry: str, labels: Sequence[str], wanted: Image | None) -> None:
    """The first host alone, so that a name or a login that is wrong is said once; then the others.

    No engine calls it what jobs call it before it is known to be `wanted`; None: what the first has got.
    Raises CheckFailed where it is another, RemoteError with Docker's own words, HostError, and what
    `order.stop` raises.
    """
    order.tell(f"image {order.image}: pulled from {registry} by {', '.join(labels)}")
    first, *others = labels
    outcome = _Pulls(order, registry, wanted).run([first])[first]
    if isinstance(outcome, Image):
        outcomes = _Pulls(order, registry, outcome).run(others)
        failed = [each for each in outcomes.values() if isinstance(each, LauncherError)]
    else:
        failed = [outcome]
    if failed:
        raise together(failed)


@dataclass(slots=True)
class _Pulls:
    """Several hosts pull what must be `wanted`."""

    order: Order
    registry: str
    wanted: Image | None
    _layers: dict[str, str] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self, labels: Sequence[str]) -> dict[str, Image | LauncherError]:
        """What each has got, or why it has not."""
        with workers(_AT_ONCE) as pool:
            futures = {label: pool.submit(self._try, label) for label in labels}
            try:
                await_all(futures.values(), self.order.stop, self._say)
            except BaseException:
                self._over.set()
                raise
        return {label: future.result() for label, future in futures.items()}

    def _try(self, label: str) -> Image | LauncherError:
        try:
            return self._take(label)
        except LauncherError as error:
            return error

    def _say(self) -> None:
        told = [f"host {label} has {layers}" for label, layers in list(self._layers.items())]
        if told:
            self.order.tell(f"image {self.order.image}: {some(told)}")

    def _note(self, label: str, layers: str) -> None:
        if not layers.endswith(_NONE_YET):
            self._layers[label] = _in_words(layers)
        if self._over.is_set():
            raise RemoteError(f"host {label}: the delivery has ended")

    def _take(self, label: str) -> Image:
        """Pull, compare, and give it the name that jobs say."""
        host, sudo, at = self.order.hosts[label], self._sudo(label), name_at(self.registry, self.order.image)
        try:
            follow(host, lambda layers: self._note(label, layers), script("image_pull", "layers"), sudo, at)
        except RemoteError as error:
            raise _with_remedy(error, self.order.image, self.registry, label, sudo) from error
        self._layers.pop(label, None)
        try:
            image = _compared(self.order, self.registry, label, self.wanted)
        except CheckFailed:
            checked(host, script("image_rename"), sudo, at)
            raise
        checked(host, script("image_rename"), sudo, at, self.order.image)
        return image

    def _sudo(self, label: str) -> str:
        return "sudo" if self.order.sites[label].sudo else ""


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


def push(registry: str, image: str, host: Host, *, sudo: bool, tell: Callable[[str], None]) -> None:
    """From a host that has it. Raises RemoteError with Docker's own words, HostError."""
    user, told = "sudo" if sudo else "", [""]

    def note(layers: str) -> None:
        if layers != told[-1] and not layers.endswith(_NONE_YET):
            told.append(layers)
            tell(f"image {image}: {_in_words(layers)} are at {registry}")

    words = (user, image, name_at(registry, image))
    try:
        follow(host, note, script("image_to_registry", "layers"), *words)
    except RemoteError as error:
        raise _with_remedy(error, image, registry, host.label, user) from error


def _in_words(layers: str) -> str:
    have, _, whole = layers.partition(" ")
    return f"{have} of {whole} layers"


_REMEDIES = (
    (
        ("manifest unknown", "not found", "name unknown"),
        "put it there from a host that has it: launcher image push {image} --registry {registry}",
    ),
    (
        ("unauthorized", "no basic auth", "denied", "authentication required"),
        "log in on {host}: {docker} login {server}",
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


def _with_remedy(error: RemoteError, image: str, registry: str, host: str, sudo: str) -> RemoteError:
    return RemoteError(str(error), hint=_remedy(str(error), image, registry, host, sudo))


def _remedy(said: str, image: str, registry: str, host: str, sudo: str) -> str | None:
    facts = {"image": image, "registry": registry, "server": registry.partition("/")[0], "host": host}
    for signs, remedy in _REMEDIES:
        if any(sign in said for sign in signs):
            return remedy.format(**facts, docker=f"{sudo} docker".strip())
    return None
