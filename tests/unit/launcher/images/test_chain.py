"""Along the chain, past hosts that fail, through this machine in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from launcher.errors import LauncherError
from launcher.hosts import HostError, RemoteError
from launcher.images.chain import Chain, progress
from launcher.images.post import Door, Parcel, Spoilt

PARCEL = Parcel(100, "ab")


@dataclass
class FakePost:
    """Fetches from doors by name, but from those that are `closed_to` it; `log` is shared."""

    label: str
    log: list[str]
    closed_to: tuple[str, ...] = ()
    door: Door | None = None
    reason: str = ""
    spoilt: int = 0
    is_gone: bool = False
    fails: dict[str, LauncherError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.door = self.door or Door(self.label, "1", "me")

    def act(self, what: str) -> None:
        self.log.append(f"{self.label} {what}")
        if error := self.fails.get(what.split()[0]):
            raise error

    def room_for(self, size: int) -> None:
        self.act("room")

    def fetch(self, door: Door, parcel: Parcel, note: Callable[[int], None]) -> None:
        self.act(f"fetch {door.address}")
        if door.address in self.closed_to:
            raise RemoteError(f"host {self.label}: no way to {door.address}")
        note(parcel.size)

    def take_from(self, source: FakePost, parcel: Parcel, note: Callable[[int], None]) -> None:
        self.act(f"relay {source.label}")

    def verify(self, parcel: Parcel) -> None:
        self.act("verify")
        if self.spoilt:
            self.spoilt -= 1
            raise Spoilt(f"host {self.label}: other than it was sent")

    def load(self) -> None:
        self.act("load")

    def beat(self) -> bool:
        return not self.is_gone

    def close(self, *, keep: bool = True) -> None:
        self.log.append(f"{self.label} close{' and keep' if keep else ''}")


class Run:
    """A chain of fakes; `said` is what people are told."""

    def __init__(self, *posts: FakePost) -> None:
        self.said: list[str] = []
        self.chain = Chain(list(posts), PARCEL, self.said.append, lambda: None)  # type: ignore[arg-type]
        self.outcomes = self.chain.run()


def test_each_fetches_from_the_one_before_it() -> None:
    log: list[str] = []
    run = Run(*(FakePost(label, log) for label in ("a", "b", "c")))
    assert run.outcomes == {"b": None, "c": None}
    assert [line for line in log if line.startswith("c")] == ["c room", "c fetch b", "c verify", "c load"]
    assert run.said == []


def test_past_a_host_that_cannot_be_reached() -> None:
    log: list[str] = []
    run = Run(FakePost("a", log), FakePost("b", log), FakePost("c", log, closed_to=("b",)))
    assert run.outcomes["c"] is None and "c fetch a" in log and "c relay b" not in log
    assert run.said == ["host c: no way to b; it was fetching from b, and tries another way"]


def test_through_this_machine_where_no_host_can_be_reached() -> None:
    log: list[str] = []
    run = Run(FakePost("a", log), FakePost("b", log, closed_to=("a",)))
    assert log[-3:] == ["b relay a", "b verify", "b load"]
    assert run.said[-1] == "host b: from a through this machine"


def test_not_every_host_is_asked_before_this_machine_helps() -> None:
    log: list[str] = []
    Run(*(FakePost(label, log) for label in "abcde"), FakePost("f", log, closed_to=tuple("abcde")))
    asked = [line for line in log if line.startswith(("f fetch", "f relay"))]
    assert asked == ["f fetch e", "f fetch d", "f fetch c", "f relay e"]


def test_why_a_host_has_no_door_is_said() -> None:
    log: list[str] = []
    source = FakePost("a", log, reason="it has no ssh client")
    source.door = None
    run = Run(source, FakePost("b", log))
    assert run.said == ["host b: from a through this machine: it has no ssh client"]


@pytest.mark.parametrize(
    ("spoilt", "ways"),
    [(1, ["fetch a", "verify", "fetch a"]), (2, ["fetch a", "verify", "fetch a", "verify", "relay a"])],
)
def test_what_is_spoilt_is_fetched_anew_and_loaded_only_whole(spoilt: int, ways: list[str]) -> None:
    log: list[str] = []
    run = Run(FakePost("a", log), FakePost("b", log, spoilt=spoilt))
    assert run.outcomes == {"b": None}
    assert log == [f"b {what}" for what in ("room", *ways, "verify", "load")]


def test_what_stays_spoilt_is_never_loaded() -> None:
    log: list[str] = []
    run = Run(FakePost("a", log), FakePost("b", log, spoilt=9))
    assert str(run.outcomes["b"]) == "host b: other than it was sent" and "b load" not in log


def test_every_host_that_fails_is_told_of_and_the_others_go_on() -> None:
    log: list[str] = []
    full, lost = RemoteError("host b: no room"), HostError("host c: contact lost")
    posts = [
        FakePost("a", log),
        FakePost("b", log, fails={"room": full}),
        FakePost("c", log, fails={"fetch": lost}),
        FakePost("d", log),
    ]
    assert Run(*posts).outcomes == {"b": full, "c": lost, "d": None}


@pytest.mark.parametrize(
    ("error", "closed"), [(KeyboardInterrupt, "close and keep"), (LauncherError, "close")]
)
def test_a_wish_to_stop_closes_all_posts(error: type[BaseException], closed: str) -> None:
    log: list[str] = []

    def stop() -> None:
        raise error("enough")

    posts = [FakePost("a", log), FakePost("b", log)]
    with pytest.raises(error):
        Chain(posts, PARCEL, print, stop).run()  # type: ignore[arg-type]
    assert log[-2:] == [f"a {closed}", f"b {closed}"]


def test_without_the_one_that_sends_all_end_and_nobody_tries_another_way() -> None:
    log: list[str] = []
    source, ended = FakePost("a", log, is_gone=True), threading.Event()

    class Waiting(FakePost):
        def fetch(self, door: Door, parcel: Parcel, note: Callable[[int], None]) -> None:
            assert ended.wait(30)
            raise RemoteError(f"host {self.label}: the delivery has ended")

        def close(self, *, keep: bool = True) -> None:
            super().close(keep=keep)
            ended.set()

    run = Run(source, Waiting("b", log), FakePost("c", log, closed_to=("a", "b")))
    assert str(run.outcomes["b"]) == "host b: the delivery has ended"
    assert "b relay a" not in log and "b close and keep" in log


def test_progress_names_the_last() -> None:
    assert progress({"b": 50}, 100, []) == "50 B of 100 B are on host b"
    assert progress({"b": 100, "c": 7}, 100, []) == "7 B of 100 B are on host c, the last; whole on 1 of 2"
    assert progress({"b": 100}, 100, []) == "100 B are on host b, 0 of 1 loaded"
    assert progress({"b": 100, "c": 100}, 100, ["c"]) == "100 B are on all 2 hosts, 1 of 2 loaded"
