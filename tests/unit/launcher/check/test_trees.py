"""Directories as the script tells of them, and how two differ."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from launcher.check.facts import read_lines
from launcher.check.questions import check_script
from launcher.check.trees import Tree, difference, parse_trees
from launcher.hosts import LocalHost

HERE = LocalHost("here")


def look(*paths: Path, mode: str = "ends", change: tuple[str, str] = ("", "")) -> dict[str, Tree | None]:
    words = [word for path in paths for word in (mode, str(path))]
    done = HERE.run(check_script().replace(*change), "work_dir", "/tmp/x", *words)
    assert done.code == 0, done.err
    return parse_trees(read_lines(done.out), [str(path) for path in paths])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with files of 100 kB below it."""
    made = tmp_path / "some data"
    (made / "part").mkdir(parents=True)
    for name in ("part/a b", "part/-n", "c"):
        (made / name).write_bytes(name.encode() * (100_000 // len(name)))
    return made


def digest(path: Path, mode: str = "ends") -> str:
    found = look(path, mode=mode)[str(path)]
    assert found is not None
    return found.digest


def test_number_size_and_sums(data):
    found = look(data)[str(data)]
    assert (found.files, found.size) == (
        3,
        sum(path.stat().st_size for path in data.rglob("*") if path.is_file()),
    )
    assert len(found.names) == len(found.content) == 64 and not found.sizes


def test_time_and_place_do_not_matter(data, tmp_path):
    before = digest(data)
    os.utime(data / "c", (0, 0))
    assert digest(data.rename(tmp_path / "elsewhere")) == before


def write_at(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(b"X")


@pytest.mark.parametrize("position", [0, 16_383, 99_900])
def test_a_change_at_either_end_is_seen(data, position):
    before = digest(data)
    write_at(data / "part" / "a b", position)
    assert digest(data) != before


def test_a_change_in_the_middle_is_seen_only_deep(data):
    before, before_deep = digest(data), digest(data, "deep")
    write_at(data / "c", 50_000)
    assert digest(data) == before and digest(data, "deep") != before_deep


def test_a_file_more_or_a_new_name_is_seen(data):
    before = digest(data)
    (data / "more").write_text("")
    assert digest(data) != before
    (data / "more").unlink()
    (data / "c").rename(data / "d")
    assert digest(data) != before


def test_links_are_followed(data, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "part").symlink_to(data / "part")
    (tmp_path / "links" / "c").symlink_to(data / "c")
    assert digest(tmp_path / "links") == digest(data)


def test_a_single_file(data):
    found = look(data / "part" / "a b")[str(data / "part" / "a b")]
    assert found.files == 1 and found.size == (data / "part" / "a b").stat().st_size
    assert found.is_file and not look(data)[str(data)].is_file


def test_an_empty_directory(tmp_path):
    found = look(tmp_path)[str(tmp_path)]
    assert (found.files, found.size) == (0, 0)


@pytest.mark.parametrize("mode", ["each", "deep"])
def test_single_files(data, mode):
    found = look(data, mode=mode)[str(data)]
    assert set(found.sizes) == set(found.sums) == {"part/a b", "part/-n", "c"}
    assert all(len(each) == 64 for each in found.sums.values())


def test_any_name_of_a_file(tmp_path, hostile):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / (hostile.replace("/", "_")[:200] or "x")).write_text("1")
    found = look(tmp_path / "a", tmp_path / "b", mode="each")
    one, two = found.values()
    assert one.digest == two.digest and one.sizes == two.sizes
    assert not (Path.cwd() / "hacked").exists()


def test_what_is_not_there_is_left_out(data, tmp_path):
    assert set(look(tmp_path / "none", data)) == {str(data)}


def test_of_many_files_the_ends_of_some_are_read(data):
    change = ("MOST=512", "MOST=1")
    (before,) = look(data, change=change).values()
    write_at(data / "c", 0)
    write_at(data / "part" / "-n", 0)
    (after,) = look(data, change=change).values()
    assert after.names == before.names
    assert len(look(data, mode="each", change=change)[str(data)].sums) == 1


def test_looking_ends_when_patience_ends(data):
    began = time.monotonic()
    slow = look(data, change=("PATIENCE=20", "PATIENCE=0"))
    assert slow == {str(data): None} and time.monotonic() - began < 20


@pytest.mark.parametrize("mode", ["ends", "each"])
def test_files_that_are_slow_to_read_end_it_too(data, tmp_path, monkeypatch, mode):
    """`head` reads the ends of files."""
    (tmp_path / "head").write_text("#!/bin/sh\nsleep 25\n")
    (tmp_path / "head").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    began = time.monotonic()
    slow = look(data, mode=mode, change=("PATIENCE=20", "PATIENCE=1"))
    assert slow == {str(data): None} and time.monotonic() - began < 20


# ---- differences in words

SIZES = {"a": 1, "b": 2, "c": 3}
SUMS = {"a": "x", "b": "y", "c": "z"}
THERE = Tree(3, 6, "n", "c", SIZES, SUMS)


@pytest.mark.parametrize(
    ("sizes", "sums", "words"),
    [
        ({"a": 1}, {"a": "x"}, "2 missing (b, c)"),
        ({**SIZES, "d": 4, "e": 4}, SUMS, "2 too many (d, e)"),
        ({**SIZES, "b": 7}, {**SUMS, "b": "!"}, "1 of another size (b), 1 other inside (b)"),
        (SIZES, {**SUMS, "a": "!"}, "1 other inside (a)"),
        (SIZES, {"a": "x"}, "3 files of 6 bytes, not 3 of 6"),
    ],
)
def test_differences_name_files(sizes, sums, words):
    assert difference(Tree(len(sizes), sum(sizes.values()), "m", "d", sizes, sums), THERE) == words


def test_files_that_are_known_on_one_side_only_are_not_missing_on_the_other():
    unnamed = Tree(2, 5, "m", "d")
    assert difference(unnamed, THERE) == "2 files of 5 bytes, not 3 of 6"
    assert difference(THERE, unnamed) == "3 files of 6 bytes, not 2 of 5"
    assert difference(Tree(0, 0, "m", "d"), THERE) == "3 missing (a, b, c)"


def test_differences_without_names():
    assert (
        difference(Tree(3, 6, "n", "d"), Tree(3, 6, "n", "c"))
        == "other content in files of the same names and sizes"
    )
