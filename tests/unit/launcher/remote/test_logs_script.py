"""The log script against real files, some of which grow, shrink or appear while it reads."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launcher.hosts import LocalHost
from launcher.hosts.local import LocalStream
from launcher.logs.text import Frame, FrameParser, Notice
from launcher.remote import script


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """An attempt directory whose name no shell must take apart."""
    directory = tmp_path / "work $(touch hacked) 'dir\n*"
    for name in ("state", "LOG0", "LOG1", "LOG_SCHED"):
        (directory / name).mkdir(parents=True)
    return directory


def items_of(stream: LocalStream) -> Iterator[Frame | Notice]:
    parser = FrameParser()
    while data := stream.read():
        yield from parser.feed(data)
    stream.close()


def read(directory: Path, follow: str, *words: str) -> list[Frame | Notice]:
    return list(items_of(LocalHost().stream(script("logs"), str(directory), "0.02", follow, *words)))


def joined(items: list[Frame | Notice], key: str, offset: int = 0) -> bytes:
    """The bytes of a member, each at the offset that its frame says."""
    data = b""
    for item in items:
        if isinstance(item, Frame) and item.key == key:
            assert item.offset == offset + len(data)
            data += item.data
    return data


def test_programs_are_asked_in_english_whatever_the_host_speaks(
    attempt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = tmp_path / "bin" / "wc"
    counts.parent.mkdir()
    counts.write_text(
        '#!/bin/sh\n[ "${LC_ALL:-}" = C ] && total=total || total=\u603b\u8ba1\n'
        'PATH=${PATH#*:} wc "$@" | sed "s/ total$/ $total/"\n'
    )
    counts.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counts.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    for key in "01":
        (attempt / f"LOG{key}/log.txt").write_text(f"of {key}\n")
    items = read(attempt, "no", "0", "0", "1", "0")
    assert (joined(items, "0"), joined(items, "1")) == (b"of 0\n", b"of 1\n")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 2000) | st.integers(60_000, 140_000) | st.sampled_from([255, 256, 65536, 1 << 20]),
    part=st.floats(0, 1),
)
def test_every_byte_from_any_offset(attempt: Path, size: int, part: float) -> None:
    content = random.Random(size).randbytes(size)
    (attempt / "LOG0/log.txt").write_bytes(content)
    offset = int(size * part)
    items = read(attempt, "no", "0", str(offset))
    assert joined(items, "0", offset) == content[offset:]
    assert items[-1] == Notice("over")


def test_ranks_come_one_after_the_other_without_follow(attempt: Path) -> None:
    contents = {key: random.Random(key).randbytes(3_000_001) for key in ("0", "1", "scheduler")}
    for key, name in (("0", "LOG0"), ("1", "LOG1"), ("scheduler", "LOG_SCHED")):
        (attempt / name / "log.txt").write_bytes(contents[key])
    items = read(attempt, "no", "1", "0", "0", "0", "scheduler", "0")
    assert {key: joined(items, key) for key in contents} == contents
    order = [item.key for item in items if isinstance(item, Frame)]
    assert list(dict.fromkeys(order)) == ["1", "0", "scheduler"]
    assert order == sorted(order, key=["1", "0", "scheduler"].index)


def test_a_log_that_is_not_there_yet_and_one_that_stays_away(attempt: Path) -> None:
    assert read(attempt, "no", "0", "0", "1", "0") == [Notice("over")]
    (attempt / "LOG1/log.txt").write_bytes(b"later")
    assert joined(read(attempt, "no", "0", "0", "1", "0"), "1") == b"later"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert read(tmp_path / "none", "no", "0", "0") == [Notice("gone")]


def test_logs_that_grow_while_they_are_read(attempt: Path) -> None:
    written: dict[str, bytes] = {}

    def write(key: str, name: str) -> None:
        chance, parts = random.Random(key), []
        with open(attempt / name / "log.txt", "ab", buffering=0) as log:
            for _ in range(150):
                parts.append(chance.randbytes(chance.choice([1, 7, 255, 256, 4096, 70_000])))
                log.write(parts[-1])
                time.sleep(chance.random() * 0.01)
        written[key] = b"".join(parts)
        (attempt / f"state/{key}.end").write_text("0 0.0\n")

    members = (("0", "LOG0"), ("1", "LOG1"), ("scheduler", "LOG_SCHED"))
    writers = [threading.Thread(target=write, args=member) for member in members]
    for writer in writers:
        writer.start()
    items = read(attempt, "yes", "0", "0", "1", "0", "scheduler", "0")
    for writer in writers:
        writer.join()
    assert {key: joined(items, key) for key, _ in members} == written
    assert items[-1] == Notice("over")


def test_following_waits_for_the_directory_and_beats(tmp_path: Path) -> None:
    directory = tmp_path / "attempt-1"
    stream = LocalHost().stream(script("logs"), str(directory), "0.02", "yes", "0", "0")
    items = items_of(stream)
    assert next(items) == Notice("beat")
    (tmp_path / "fresh/LOG0").mkdir(parents=True)
    (tmp_path / "fresh/state").mkdir()
    (tmp_path / "fresh/LOG0/log.txt").write_bytes(b"hello")
    (tmp_path / "fresh").rename(directory)
    assert next(item for item in items if isinstance(item, Frame)) == Frame("0", 0, b"hello")
    (directory / "state/0.end").write_text("0 0.0\n")
    assert list(items)[-1] == Notice("over")


def test_following_gives_others_their_turn(attempt: Path) -> None:
    with open(attempt / "LOG0/log.txt", "wb") as log:
        log.truncate(20_000_000)
    (attempt / "LOG1/log.txt").write_bytes(b"short")
    for key in ("0", "1"):
        (attempt / f"state/{key}.end").write_text("0 0.0\n")
    items = read(attempt, "yes", "0", "0", "1", "0")
    before = items[: items.index(Frame("1", 0, b"short"))]
    assert 0 < len(joined(before, "0")) < 20_000_000
    assert joined(items, "0") == bytes(20_000_000)


def test_a_log_that_has_become_shorter_is_sent_again(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"new")
    assert read(attempt, "no", "0", "10") == [Notice("cut", "0"), Frame("0", 0, b"new"), Notice("over")]


@pytest.mark.parametrize("content", ["/proc/self/mem", "short"])
def test_a_log_that_gives_less_than_its_size_ends_the_stream_within_the_frame(
    attempt: Path, content: str
) -> None:
    if content.startswith("/"):
        (attempt / "LOG0/log.txt").symlink_to(content)  # reading it fails
    else:
        (attempt / "LOG0/log.txt").write_text(content)  # cut after its size was measured
    text = script("logs").replace("wc -c", "echo 300 LOG0/log.txt; :")
    words = ["/bin/sh", "-c", text, "launcher", str(attempt), "0.02", "no", "0", "0"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(b"0 0 300\n")
    assert list(FrameParser().feed(done.stdout)) == []


def test_a_reader_that_goes_away_ends_the_script(attempt: Path) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", script("logs"), "launcher", str(attempt), "0.01", "yes", "0", "0"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"beat\n"
    process.stdout.close()
    assert process.wait(timeout=60) != 0


def test_a_key_that_is_none_is_refused(attempt: Path) -> None:
    done = LocalHost().run(script("logs"), str(attempt), "1", "no", "0;touch x", "0")
    assert done.code == 2
    assert "not a member" in done.err


def starts(attempt: Path, since: str, lines: str) -> dict[str, int]:
    done = LocalHost().run(script("log_starts"), str(attempt), since, lines, "0", "1", "scheduler")
    assert done.code == 0, done.err
    return {key: int(offset) for key, offset in (line.split() for line in done.out.splitlines())}


def test_where_to_begin(attempt: Path) -> None:
    (attempt / "LOG0/log.txt").write_bytes(b"one\ntwo\nthree\nfour")
    (attempt / "LOG0/log.index").write_text("100 0\n105 4\n110 8\n115 18\n12")
    (attempt / "LOG1/log.txt").write_bytes(b"no index\n")
    assert starts(attempt, "-", "-") == {"0": 0, "1": 0}
    assert starts(attempt, "109", "-") == {"0": 4, "1": 0}
    assert starts(attempt, "110", "-") == {"0": 4, "1": 0}  # whole seconds: part of 110 s is in it
    assert starts(attempt, "111", "-") == {"0": 8, "1": 0}
    assert starts(attempt, "99", "-") == {"0": 0, "1": 0}
    assert starts(attempt, "-", "2") == {"0": 8, "1": 0}
    assert starts(attempt, "109", "99") == {"0": 4, "1": 0}
    assert starts(attempt, "109", "1") == {"0": 14, "1": 0}


def test_since_counts_back_from_the_clock_of_the_host(attempt: Path) -> None:
    now = int(time.time())
    (attempt / "LOG0/log.txt").write_bytes(b"old\nnew\n")
    (attempt / "LOG0/log.index").write_text(f"{now - 7200} 0\n{now - 7100} 4\n{now - 60} 8\n")
    assert starts(attempt, "ago:3600", "-") == {"0": 4}


def test_nothing_is_there_to_begin_with(tmp_path: Path) -> None:
    assert starts(tmp_path / "none", "-", "5") == {}
