"""Which host sends, and who sends when that one is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from launcher.errors import LauncherError
from launcher.hosts import Host, HostError, LocalHost, RemoteError
from launcher.images.identity import Image
from launcher.images.order import Order
from launcher.images.post import Site
from launcher.images.send import groups, send
from launcher.images.stock import Stock

IMAGE = Image("sha256:aa", "amd64", ("l1", "l2", "l3"), "c1", 7)
LACKS = Stock("amd64", None)
LABELS = ["a", "b", "c", "d"]
LOST = HostError("host a: contact lost while it gave an image")


class Deliveries:
    """What goes wrong in each delivery, one after the other; `silent` hosts do not answer."""

    def __init__(self, *failures: dict[str, LauncherError], silent: Sequence[str] = ()) -> None:
        self.failures, self.silent = list(failures), silent
        self.sent: list[str] = []
        self.said: list[str] = []

    def send_from(
        self, order: Order, wanted: Image, origin: Host, stocks: Mapping[str, Stock]
    ) -> dict[str, LauncherError]:
        self.sent.append(f"{origin.label} to {' '.join(stocks)}")
        return self.failures.pop(0)

    def look(self, host: Host, name: str, *, sudo: bool) -> Stock:
        if host.label in self.silent:
            raise HostError(f"host {host.label}: no answer")
        return LACKS

    def run(self, monkeypatch: pytest.MonkeyPatch, *origins: str) -> None:
        monkeypatch.setattr("launcher.images.send._send_from", self.send_from)
        monkeypatch.setattr("launcher.images.order.look", self.look)
        hosts = {label: LocalHost(label) for label in LABELS}
        order = Order("i:1", hosts, dict.fromkeys(LABELS, Site("/w")), tell=self.said.append)
        lacking = {label: LACKS for label in LABELS if label not in origins}
        send(order, IMAGE, [hosts[label] for label in origins], lacking)


def test_the_first_that_has_it_sends(monkeypatch) -> None:
    deliveries = Deliveries({})
    deliveries.run(monkeypatch, "a", "b")
    assert deliveries.sent == ["a to c d"] and deliveries.said == []


def test_whoever_does_not_get_it_is_named(monkeypatch) -> None:
    full, off = RemoteError("host b: no room"), HostError("host d: contact lost")
    with pytest.raises(HostError, match=r"^host b: no room\nhost d: contact lost$"):
        Deliveries({"b": full, "d": off}).run(monkeypatch, "a")


def test_after_one_that_is_lost_another_sends(monkeypatch) -> None:
    deliveries = Deliveries({"a": LOST, "c": LOST, "d": LOST}, {})
    deliveries.run(monkeypatch, "a", "b")
    assert deliveries.sent == ["a to c d", "b to c d"]
    assert deliveries.said == [f"{LOST}; it is sent from b instead"]


def test_one_that_has_got_it_sends_to_the_rest(monkeypatch) -> None:
    deliveries = Deliveries({"a": LOST, "c": LOST, "d": LOST}, {})
    deliveries.run(monkeypatch, "a")
    assert deliveries.sent == ["a to b c d", "b to c d"]


def test_one_that_is_lost_when_all_have_it_is_no_matter(monkeypatch) -> None:
    deliveries = Deliveries({"a": LOST})
    deliveries.run(monkeypatch, "a")
    assert deliveries.sent == ["a to b c d"] and deliveries.said == []


def test_where_no_other_has_it_the_error_says_who_lacks_it_and_what_to_do(monkeypatch) -> None:
    words = r"^host a: contact lost while it gave an image; no other host has image i:1, which b, c, d lack$"
    with pytest.raises(HostError, match=words) as raised:
        Deliveries({"a": LOST, "b": LOST, "c": LOST, "d": LOST}).run(monkeypatch, "a")
    assert str(raised.value.hint).startswith("when it is back, the same again")


def test_one_that_cannot_save_it_is_replaced_or_its_reason_is_said(monkeypatch) -> None:
    full = RemoteError("host a: no space left on device", hint="launcher clean")
    everywhere = {"a": full, "b": full, "c": full, "d": full}
    with pytest.raises(RemoteError, match="no space left") as raised:
        Deliveries(everywhere).run(monkeypatch, "a")
    assert raised.value.hint == "launcher clean"
    deliveries = Deliveries({"a": full, "c": full, "d": full}, {})
    deliveries.run(monkeypatch, "a", "b")
    assert deliveries.sent[1] == "b to c d"


def test_those_that_went_off_with_it_are_named_when_the_others_have_it(monkeypatch) -> None:
    off = HostError("host d: contact lost")
    deliveries = Deliveries({"a": LOST, "c": LOST, "d": off}, {}, silent=["d"])
    with pytest.raises(HostError, match=r"^host d: contact lost$"):
        deliveries.run(monkeypatch, "a")
    assert deliveries.sent == ["a to b c d", "b to c"]


def test_what_goes_wrong_at_last_is_said_beside_them(monkeypatch) -> None:
    off, full = HostError("host d: contact lost"), RemoteError("host c: no room")
    deliveries = Deliveries({"a": LOST, "c": LOST, "d": off}, {"c": full}, silent=["d"])
    with pytest.raises(HostError, match=r"^host c: no room\nhost d: contact lost$"):
        deliveries.run(monkeypatch, "a")


def test_hosts_are_grouped_by_the_layers_that_they_have() -> None:
    stocks = {
        "a": LACKS,
        "b": Stock("amd64", None, (("l1", "l2", "x"),)),
        "c": Stock("amd64", None, (("x",),)),
        "d": Stock("amd64", None, (("l1",), ("l1", "l2"))),
    }
    assert groups(IMAGE, stocks) == {0: ["a", "c"], 2: ["b", "d"]}
