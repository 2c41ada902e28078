"""Streams that open late, break off, fall silent and come back, under one selector."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from launcher.hosts import HostError, Stream, listening
from launcher.hosts.listening import Listening
from tests.fakes import FakeStream, breaks, says

LOST = HostError("host far: no route")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting before a host is tried again."""
    monkeypatch.setattr(listening, "RETRY", -1.0)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listening[str]]]:
    """Listens to streams by key; each key has openers that are used in turn, the last for ever."""
    made: list[Listening[str]] = []

    def make(**openers: list[Callable[[], Stream]]) -> Listening[str]:
        def opener(waiting: list[Callable[[], Stream]]) -> Callable[[], Stream]:
            return lambda: (waiting.pop(0) if len(waiting) > 1 else waiting[0])()

        made.append(Listening({key: opener(list(each)) for key, each in openers.items()}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def hear(ears: Listening[str], until: Callable[[list[tuple[str, bytes | None]]], object]) -> list:
    """All that comes until it suffices; a test that waits in vain hangs and says where."""
    heard: list[tuple[str, bytes | None]] = []
    while not until(heard):
        heard += ears.poll(0.01)
    return heard


def test_what_streams_say_comes_after_the_word_that_they_are_open(listen) -> None:
    ears = listen(a=[says("one", wait=True)], b=[says("two", wait=True)])
    heard = hear(ears, lambda heard: len(heard) == 4)
    assert [data for key, data in heard if key == "a"] == [None, b"one"]
    assert [data for key, data in heard if key == "b"] == [None, b"two"]
    assert ears.lost() == {}


def test_a_host_that_takes_long_to_reach_delays_no_other(listen) -> None:
    let_in = threading.Event()

    def late() -> FakeStream:
        let_in.wait()
        return FakeStream(b"late", wait=True)

    ears = listen(far=[late], near=[says("soon", wait=True)])
    assert hear(ears, lambda heard: len(heard) == 2) == [("near", None), ("near", b"soon")]
    let_in.set()
    assert hear(ears, lambda heard: len(heard) == 2) == [("far", None), ("far", b"late")]


def test_a_stream_that_opens_while_nothing_else_comes_is_told_at_once(listen) -> None:
    let_in = threading.Event()

    def late() -> FakeStream:
        let_in.wait()
        return FakeStream(b"late", wait=True)

    ears = listen(far=[late])
    threading.Timer(0.05, let_in.set).start()
    assert ears.poll(3600.0) == [("far", None)]
    assert ears.poll(3600.0) == [("far", b"late")]


def test_a_host_that_is_not_reached_is_lost_and_tried_again(listen, impatient) -> None:
    ears = listen(a=[breaks(LOST), breaks(LOST), says("back", wait=True)])
    hear(ears, lambda _: ears.lost())
    assert ears.lost()["a"] >= 0.0
    assert hear(ears, lambda heard: len(heard) == 2) == [("a", None), ("a", b"back")]
    assert ears.lost() == {}


def test_a_host_is_not_tried_again_at_once(listen) -> None:
    ears = listen(a=[breaks(LOST), pytest.fail])
    hear(ears, lambda _: ears.lost())
    for _ in range(5):
        assert ears.poll(0.0) == []


def test_a_stream_that_breaks_off_is_lost_until_another_one_speaks(listen, impatient) -> None:
    ears = listen(a=[says("one"), says("", wait=True), says("two", wait=True)])
    assert hear(ears, lambda heard: heard.count(("a", None)) == 2)[1] == ("a", b"one")
    assert list(ears.lost()) == ["a"]  # it is open again, but has not said a word


def test_a_read_that_fails_is_lost_contact(listen) -> None:
    ears = listen(a=[says("x", error=LOST, wait=True)])
    assert hear(ears, lambda _: ears.lost()) == [("a", None)]


def test_a_stream_that_falls_silent_is_opened_anew(listen, impatient, monkeypatch) -> None:
    ears = listen(a=[says("one", wait=True), says("two", wait=True)])
    hear(ears, lambda heard: len(heard) == 2)
    monkeypatch.setattr(listening, "SILENCE", -1.0)
    ears.poll(0.0)
    monkeypatch.setattr(listening, "SILENCE", 30.0)
    assert list(ears.lost()) == ["a"]
    assert hear(ears, lambda heard: len(heard) == 2) == [("a", None), ("a", b"two")]


def test_of_what_is_finished_nothing_more_is_awaited(listen, impatient) -> None:
    ears = listen(a=[says("all"), pytest.fail])
    hear(ears, lambda heard: len(heard) == 2)
    ears.finish("a")
    ears.finish("a")
    assert ears.poll(0.01) == [] and ears.lost() == {}


def test_what_is_finished_while_it_is_lost_is_lost_no_more(listen) -> None:
    ears = listen(a=[breaks(LOST)])
    hear(ears, lambda _: ears.lost())
    ears.finish("a")
    assert ears.lost() == {}


class Watched(FakeStream):
    """Tells whether it has been closed."""

    def __init__(self) -> None:
        super().__init__(b"x", wait=True)
        self.closed = threading.Event()

    def close(self) -> None:
        super().close()
        self.closed.set()


@pytest.mark.parametrize("end", [Listening.close, lambda ears: ears.finish("a")], ids=["close", "finish"])
def test_what_opens_too_late_is_closed_at_once(end) -> None:
    let_in, stream = threading.Event(), Watched()

    def late() -> Watched:
        let_in.wait()
        return stream

    ears = Listening({"a": late})
    end(ears)
    let_in.set()
    if end is not Listening.close:
        while not stream.closed.is_set():
            assert ears.poll(0.01) == []
        ears.close()
    assert stream.closed.wait(60)


def test_closing_hangs_up() -> None:
    stream = Watched()
    ears = Listening({"a": lambda: stream})
    hear(ears, lambda heard: heard)
    ears.close()
    assert stream.closed.is_set()


def test_what_is_no_lost_contact_is_an_error(listen) -> None:
    ears = listen(a=[breaks(RuntimeError("a bug"))])
    with pytest.raises(RuntimeError, match="a bug"):
        hear(ears, lambda _: False)
