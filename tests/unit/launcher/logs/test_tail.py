"""Following the logs of several members over streams that may break."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from launcher.hosts import HostError, LocalHost, Stream, listening
from launcher.hosts.local import LocalStream
from launcher.logs import tail as logs
from launcher.logs.tail import Line, LogTail, Source


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    for name in ("state", "LOG0", "LOG1", "LOG_SCHED"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting before a host is tried again."""
    monkeypatch.setattr(listening, "RETRY", 0.0)


def everything(tail: LogTail, until: Callable[[], bool] | None = None) -> list[Line]:
    with closing(tail):
        lines: list[Line] = []
        while not (until() if until else tail.is_done):
            lines += tail.poll(0.05)
        return lines + tail.finish()


class FrayedStream(LocalStream):
    """Breaks off within a frame after so many bytes; the script behind it is killed."""

    def __init__(self, stream: LocalStream, left: int) -> None:
        super().__init__(stream._process)
        self._left = left

    def read(self) -> bytes:
        data = super().read()[: self._left]
        self._left -= len(data)
        return data


class FrayedHost(LocalHost):
    """Each stream of this host breaks off, a little later than the one before; every third cannot start."""

    def __init__(self) -> None:
        super().__init__("frayed")
        self.streams = 0

    def stream(self, script: str, *words: str) -> LocalStream:
        self.streams += 1
        if self.streams % 3 == 0:
            raise HostError("host frayed: no contact")
        return FrayedStream(super().stream(script, *words), 30_000 * self.streams)


def test_members_keep_their_lines_in_order(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"a\nb\rc")
    (attempt / "LOG_SCHED/log.txt").write_bytes(b"up\n")
    tail = LogTail([Source(LocalHost(), str(attempt), ("0", "1", "scheduler"))], follow=False)
    assert everything(tail) == [("0", "a"), ("0", "b"), ("0", "c"), ("scheduler", "up")]
    assert tail.offsets == {"0": 5, "1": 0, "scheduler": 3}


def test_without_follow_an_unfinished_line_stays_with_its_member(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"a\nunfinished")
    (attempt / "LOG1/log.txt").write_bytes(b"b\n")
    tail = LogTail([Source(LocalHost(), str(attempt), ("0", "1"))], follow=False)
    assert everything(tail) == [("0", "a"), ("0", "unfinished"), ("1", "b")]


def test_a_tail_goes_on_where_another_stopped(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"a\nb\n")
    source = Source(LocalHost(), str(attempt), ("0",))
    first = LogTail([source])
    assert everything(first, until=lambda: first.is_level) == [("0", "a"), ("0", "b")]
    (attempt / "LOG0/log.txt").write_bytes(b"a\nb\nc\n")
    assert everything(LogTail([source], first.offsets, follow=False)) == [("0", "c")]


def test_following_ends_with_the_members(attempt: Path) -> None:
    def write() -> None:
        for number in range(20):
            with open(attempt / "LOG0/log.txt", "a") as log:
                log.write(f"line {number}\n")
            time.sleep(0.02)
        (attempt / "state/0.end").write_text("0 0.0\n")

    writer = threading.Thread(target=write)
    writer.start()
    lines = everything(LogTail([Source(LocalHost(), str(attempt), ("0",))]))
    writer.join()
    assert lines == [("0", f"line {number}") for number in range(20)]


def test_polling_does_not_wait_unless_told_to(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []

    with closing(LogTail([Source(LocalHost(), str(attempt), ("0",))])) as tail:
        monkeypatch.setattr(
            tail._listening._selector, "select", lambda seconds=None: waits.append(seconds) or []
        )
        assert tail.poll() == []
    assert set(waits) == {0.0}


@pytest.mark.usefixtures("impatient")
def test_no_byte_is_lost_or_repeated_over_broken_streams(attempt: Path) -> None:
    chance = random.Random(1)
    lines = {key: [chance.randbytes(40).hex() for _ in range(5000)] for key in ("0", "1")}
    for key, texts in lines.items():
        (attempt / f"LOG{key}/log.txt").write_text("\n".join(texts))
        (attempt / f"state/{key}.end").write_text("0 0.0\n")
    host = FrayedHost()
    got = everything(LogTail([Source(host, str(attempt), ("0", "1"))]))
    assert host.streams > 5
    for key in lines:
        assert [line for member, line in got if member == key] == lines[key]


@pytest.mark.usefixtures("impatient")
def test_a_lost_host_is_told_until_it_is_back(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_text("x" * 200_000 + "\n")
    host = FrayedHost()
    with closing(LogTail([Source(host, str(attempt), ("0",))])) as tail:
        while not tail.lost():
            tail.poll(0.05)
        assert list(tail.lost()) == ["frayed"]
        while not tail.is_level:
            tail.poll(0.05)
        assert tail.lost() == {}


@pytest.mark.usefixtures("impatient")
def test_a_silent_host_is_asked_again(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentOnce(LocalHost):
        streams = 0

        def stream(self, script: str, *words: str) -> LocalStream:
            self.streams += 1
            return super().stream("sleep 600" if self.streams == 1 else script, *words)

    (attempt / "LOG0/log.txt").write_text("hello\n")
    host = SilentOnce()
    tail = LogTail([Source(host, str(attempt), ("0",))], follow=False)
    monkeypatch.setattr(listening, "SILENCE", 0.05)
    while not tail.lost():
        tail.poll(0.01)
    monkeypatch.setattr(listening, "SILENCE", 30.0)
    assert everything(tail) == [("0", "hello")]
    assert host.streams == 2


@pytest.mark.parametrize("said", ["hello", "0 7 3", "1 2 3 4"])
def test_a_stream_that_makes_no_sense_is_an_error(attempt: Path, said: str) -> None:
    class Noisy(LocalHost):
        def stream(self, script: str, *words: str) -> LocalStream:
            return super().stream(f"echo '{said}'; echo ab; sleep 600")

    tail = LogTail([Source(Noisy("noisy"), str(attempt), ("0",))])
    with closing(tail), pytest.raises(HostError, match="host noisy: its log stream is garbled"):
        while True:
            tail.poll(0.05)


def test_a_read_that_fails_is_lost_contact(attempt: Path) -> None:
    class Failing:
        def __init__(self, stream: Stream) -> None:
            self.fileno, self.close = stream.fileno, stream.close

        def read(self) -> bytes:
            raise HostError("host localhost: no contact")

    class FailingHost(LocalHost):
        def stream(self, script: str, *words: str) -> Stream:  # type: ignore[override]
            return Failing(super().stream(script, *words))

    with closing(LogTail([Source(FailingHost(), str(attempt), ("0",))])) as tail:
        while not tail.lost():
            assert tail.poll(0.05) == []


def test_a_log_that_is_cut_is_read_again(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"new\n")
    tail = LogTail([Source(LocalHost(), str(attempt), ("0",))], {"0": 50}, follow=False)
    assert everything(tail) == [("0", "new")]
    assert tail.cut == {"0"}


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    tail = LogTail([Source(LocalHost(), str(tmp_path / "none"), ("0", "1"))], follow=False)
    assert everything(tail) == []
    assert tail.gone == {"0", "1"}


def test_much_is_given_out_in_turns(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"0123456789\n" * 100_000)
    monkeypatch.setattr(logs, "_TURN", 100_000)
    turns: Iterator[list[Line]]
    with closing(LogTail([Source(LocalHost(), str(attempt), ("0",))], follow=False)) as tail:
        turns = iter(lambda: [] if tail.is_done else tail.poll(1.0) or [("", "")], [])
        sizes = [len(turn) for turn in turns]
    assert len(sizes) > 2
    assert sum(sizes) >= 100_000
