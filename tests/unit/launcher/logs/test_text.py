"""Frames and lines, however the bytes are cut into pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.logs import text as log_text
from launcher.logs.text import Frame, FrameParser, LineSplitter, Notice

KEYS = st.sampled_from(["0", "17", "scheduler"])
FRAMES = st.builds(Frame, KEYS, st.integers(0, 1 << 40), st.binary(max_size=300))
NOTICES = st.one_of(
    st.sampled_from([Notice("beat"), Notice("over"), Notice("gone")]), st.builds(Notice, st.just("cut"), KEYS)
)
CHARACTERISTIC = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\r", b"\n", b"a", b"bc", "é".encode(), b"\xff"]), max_size=60
).map(b"".join)


def encode(item: Frame | Notice) -> bytes:
    if isinstance(item, Frame):
        return f"{item.key} {item.offset} {len(item.data)}\n".encode() + item.data
    return f"{item.word} {item.key}".rstrip().encode() + b"\n"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(FRAMES | NOTICES, max_size=8), st.lists(st.integers(0, 10000), max_size=30))
def test_frames_survive_any_cutting(items: list[Frame | Notice], places: list[int]) -> None:
    parser = FrameParser()
    pieces = cut(b"".join(map(encode, items)), places)
    assert [item for piece in pieces for item in parser.feed(piece)] == items


def test_an_unfinished_frame_is_not_given_out() -> None:
    assert list(FrameParser().feed(b"0 0 10\n123456789")) == []


@pytest.mark.parametrize("line", [b"what\n", b"cut\n", b"0 x 3\n", b"1 2 3 4\n", b"\n", b"x" * 200])
def test_a_line_that_the_script_does_not_write_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        list(FrameParser().feed(line))


def lines_of(pieces: list[bytes]) -> list[str]:
    splitter = LineSplitter()
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return lines + splitter.finish()


@given(CHARACTERISTIC, st.lists(st.integers(0, 100), max_size=20))
def test_lines_do_not_depend_on_the_pieces(data: bytes, places: list[int]) -> None:
    assert lines_of(cut(data, places)) == lines_of([data])


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20), max_size=10))
def test_lines_come_back_as_they_were_written(lines: list[str]) -> None:
    assert lines_of([("".join(f"{line}\n" for line in lines)).encode()]) == lines
    assert lines_of([("".join(f"{line}\r\n" for line in lines)).encode()]) == lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"10%\r20%\r30%\ndone", ["10%", "20%", "30%", "done"]),
        (b"\r10%\r\r20%\r\r\nnext\n", ["10%", "20%", "next"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"a\r\n\r\nb", ["a", "", "b"]),
        (b"a\r\r\r\nb\r\rc\r", ["a", "b", "c"]),
        (b"a\n\r\r\n\r", ["a", ""]),
        (b"caf\xe9\n", ["caf�"]),
        (b"", []),
    ],
)
def test_what_ends_a_line(data: bytes, lines: list[str]) -> None:
    assert lines_of([data]) == lines
    assert lines_of([data[place : place + 1] for place in range(len(data))]) == lines


def test_a_progress_bar_is_shown_before_its_next_step() -> None:
    assert LineSplitter().feed(b"10%\r") == ["10%"]


@given(st.integers(0, 40), st.integers(1, 7))
def test_a_line_without_an_end_is_given_out_in_pieces(length: int, step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_text, "LONGEST", 10)
        data = b"x" * length + b"\ny"
        expected = ["x" * 10] * ((length - 1) // 10) + ["x" * ((length - 1) % 10 + 1 if length else 0), "y"]
        assert lines_of([data]) == expected
        assert lines_of([data[start : start + step] for start in range(0, len(data), step)]) == expected
