"""One host's files: whole or not at all, whatever happens to the connection and to the files meanwhile."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.hosts import Host, LocalHost
from launcher.run.collect import one_host as module
from launcher.run.collect import receive
from launcher.run.collect.listing import Source, list_files
from launcher.run.collect.one_host import Brought, bring
from launcher.run.collect.place import Place
from tests.collect_hosts import LyingHost, ShakyHost
from tests.hostile import HOSTILE


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there dir/LOG0").mkdir(parents=True)
    return tmp_path / "there dir"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "here").mkdir()
    return Place(tmp_path / "here")


def get(place: Place, there: Path, host: Host | None = None, *names: str, **how: tuple[str, ...]) -> Brought:
    return bring(Source(host or ShakyHost(), str(there), names or ("LOG0",), **how), place)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def tree(root: Path) -> dict[str, bytes]:
    """Every file, by its path."""
    files = [Path(at, name) for at, _, names in os.walk(root) for name in names]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_files_come_as_they_are(there: Path, place: Place) -> None:
    (there / "LOG0/plog/debug").mkdir(parents=True)
    (there / "LOG0/log.txt").write_bytes(noise(3_000_000))
    (there / "LOG0/plog/debug/plog-1_2.log").write_bytes(b"line\n" * 100_000)
    (there / "LOG0/empty").write_bytes(b"")
    (there / "other").write_bytes(b"not asked for")
    brought = get(place, there)
    assert brought.errors == []
    assert (brought.tally.files, brought.tally.size) == (3, 3_500_000)
    assert brought.tally.received < 3_100_000
    (there / "other").unlink()
    assert tree(place.target) == tree(there)
    assert not (place.target / ".partial").exists() or not tree(place.target / ".partial")


def test_what_is_here_is_not_fetched(there: Path, place: Place) -> None:
    (there / "LOG0/log.txt").write_bytes(noise(1000))
    get(place, there)
    host = ShakyHost()
    assert get(place, there, host).tally.files == 0
    assert host.words == []


def test_any_name(there: Path, place: Place) -> None:
    names = [os.fsencode(name) for name in HOSTILE if 0 < len(name) < 200 and "/" not in name]
    names += [b"latin \xe9", b"%s %b \\0101", b" "]
    for name in names:
        (Path(os.fsdecode(bytes(there) + b"/LOG0/" + name))).write_bytes(b"of " + name)
    (there / "LOG0/a directory\n/x").mkdir(parents=True)
    brought = get(place, there)
    good = {name: data for name, data in tree(there).items() if "\n" not in name}
    assert len(good) > 35
    assert tree(place.target) == good
    bad = [name for name in names if b"\n" in name]
    assert len(brought.left_out) == len(bad) + 1
    assert "LOG0/line one?line two: its name has a line break" in brought.left_out
    assert brought.errors == []
    assert not list(there.rglob("hacked"))


@pytest.mark.parametrize("cut", [0, 1, 100_000, 1_000_000, 2_900_000])
def test_what_was_cut_off_goes_on(there: Path, place: Place, cut: int) -> None:
    for number in range(3):
        (there / f"LOG0/{number}").write_bytes(noise(1_000_000, number))
    host = ShakyHost(cuts=(cut, cut // 2))
    brought = get(place, there, host)
    assert brought.errors == []
    assert tree(place.target) == tree(there)
    assert brought.tally.size == 3_000_000  # each byte once
    assert host.received < 3_000_000 + 200_000  # what the compressor held back, and its own words


def test_a_later_fetch_goes_on_too(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(noise(1_000_000))
    (there / "LOG0/b").write_bytes(noise(3_000_000, 1))
    first = get(place, there, ShakyHost(cuts=(700_000, 700_000, 700_000)))
    assert [str(error) for error in first.errors] == ["host shaky: cable cut"]
    arrived = sum(map(len, tree(place.target / ".partial").values()))
    whole = sum(map(len, tree(place.target / "LOG0").values()))
    assert arrived > 0 and arrived + whole == first.tally.size > 1_900_000
    second = get(place, there)
    assert second.tally.size == 4_000_000 - first.tally.size
    assert tree(place.target / "LOG0") == tree(there / "LOG0")


def test_a_log_that_grew_is_fetched_from_its_old_end(there: Path, place: Place) -> None:
    log = there / "LOG0/log.txt"
    log.write_bytes(noise(1_000_000))
    get(place, there)
    with open(log, "ab") as file:
        file.write(b"more")
    brought = get(place, there)
    assert (brought.tally.files, brought.tally.size) == (1, 4)
    assert tree(place.target / "LOG0") == tree(there / "LOG0")


def test_a_log_that_grows_meanwhile_is_a_prefix(there: Path, place: Place) -> None:
    log = there / "LOG0/log.txt"
    log.write_bytes(noise(1000))
    host = ShakyHost()
    host.before_fetch = lambda: log.write_bytes(noise(1000) + b"more")
    assert get(place, there, host).errors == []
    assert (place.target / "LOG0/log.txt").read_bytes() == noise(1000)


@pytest.mark.parametrize("fresh", [b"y" * 1000, b"y" * 500, b"y" * 2000, b""])
def test_a_file_that_is_rewritten_once(there: Path, place: Place, fresh: bytes) -> None:
    (there / "LOG0/a").write_bytes(b"x" * 1000)
    (there / "LOG0/b").write_bytes(b"after it")
    host = ShakyHost()
    host.before_fetch = lambda: (there / "LOG0/a").write_bytes(fresh) and None
    assert get(place, there, host).errors == []
    assert tree(place.target / "LOG0") == tree(there / "LOG0")


def test_a_file_that_is_rewritten_all_the_time(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(b"0")
    (there / "LOG0/b").write_bytes(b"good")
    (place.target / "LOG0").mkdir()
    (place.target / "LOG0/old").write_bytes(b"not there any more, but that is no time to clean up")
    host = ShakyHost()
    host.before_fetch = lambda: (there / "LOG0/a").write_bytes(b"new %d" % len(host.words)) and None
    brought = get(place, there, host)
    assert brought.problems == ("'LOG0/a' changes while it is fetched",)
    assert len(host.words) == 3
    assert sorted(tree(place.target)) == ["LOG0/b", "LOG0/old"]


def test_a_file_that_goes_away(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(noise(500_000))
    (there / "LOG0/b").write_bytes(b"good")
    host = ShakyHost()
    host.before_fetch = lambda: (there / "LOG0/a").unlink(missing_ok=True)
    assert get(place, there, host).errors == []
    assert tree(place.target) == {"LOG0/b": b"good"}


@pytest.mark.parametrize("old", [b"no prefix", b"x" * 2000, b"y" * 1000])
@pytest.mark.parametrize("where", ["LOG0", ".partial/LOG0"])
def test_what_is_here_and_wrong_is_fetched_from_its_start(
    there: Path, place: Place, old: bytes, where: str
) -> None:
    (there / "LOG0/a").write_bytes(b"x" * 1000)
    (place.target / where).mkdir(parents=True)
    (place.target / where / "a").write_bytes(old)
    assert get(place, there).errors == []
    assert tree(place.target) == {"LOG0/a": b"x" * 1000}


def test_a_checksum_that_stays_wrong(place: Place) -> None:
    row = b"%s 4 LOG0/a\n" % hashlib.sha256(b"true").hexdigest().encode()
    host = LyingHost(b"directory LOG0\n" + row, gzip.compress(b"fake"))
    assert get(place, Path("/"), host).problems == ("'LOG0/a' changes while it is fetched",)
    assert tree(place.target) == {}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "ended too early"),
        (b"no gzip at all", "garbled"),
        (gzip.compress(b"tru", mtime=0), "ended too early"),
        (gzip.compress(b"true", mtime=0)[:12], "ended too early"),
    ],
)
def test_a_stream_that_makes_no_sense(place: Place, said: bytes, why: str) -> None:
    row = b"%s 4 LOG0/a\n" % hashlib.sha256(b"true").hexdigest().encode()
    (error,) = get(place, Path("/"), LyingHost(row, said)).errors
    assert f"host liar: its stream of files {'is ' * (why == 'garbled')}{why}" in str(error)


def test_a_list_that_makes_no_sense(place: Place) -> None:
    (error,) = get(place, Path("/"), LyingHost(b"Welcome to this host\n")).errors
    assert "host liar: its list of files makes no sense: b'Welcome to this host'" in str(error)


EVIL = (b"../a", b"LOG0/../a", b"LOG0/../../a", b"/a", b"LOG0", b"LOG0/", b"LOG0//a", b"LOG0/./a", b"LOG1/a")


@pytest.mark.parametrize("path", [*EVIL, b"LOG0/.", b"LOG0/..", b"LOG0/a\0b", b".partial/LOG0/a"])
def test_no_path_leads_elsewhere(tmp_path: Path, place: Place, path: bytes) -> None:
    digest = hashlib.sha256(b"evil").hexdigest().encode()
    rows = b"directory LOG0\ndirectory ..\n%s 4 %s\n%s 4 LOG0/good\n" % (digest, path, digest)
    brought = get(place, Path("/"), LyingHost(rows, gzip.compress(b"evil" * 2)))
    assert brought.left_out == (f"{os.fsdecode(path)!r} is refused: it leads elsewhere",)
    assert brought.errors == []
    assert tree(tmp_path) == {"here/LOG0/good": b"evil"}


def test_a_link_here_is_not_followed(tmp_path: Path, there: Path, place: Place) -> None:
    (there / "LOG0/deep").mkdir()
    (there / "LOG0/deep/a").write_bytes(b"new")
    (there / "LOG0/b").write_bytes(b"new")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b").write_bytes(b"old")
    (place.target / "LOG0").mkdir()
    (place.target / "LOG0/deep").symlink_to(tmp_path / "elsewhere")
    (place.target / "LOG0/b").symlink_to(tmp_path / "elsewhere/b")
    (place.target / ".partial").symlink_to(tmp_path / "elsewhere")
    assert get(place, there).errors == []
    assert tree(place.target / "LOG0") == tree(there / "LOG0")
    assert tree(tmp_path / "elsewhere") == {"b": b"old"}


def test_files_and_directories_take_each_others_place(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(b"file")
    (there / "LOG0/b").mkdir()
    (there / "LOG0/b/c").write_bytes(b"file")
    for where in ("LOG0", ".partial/LOG0"):
        (place.target / where / "a").mkdir(parents=True)
        (place.target / where / "a/x").write_bytes(b"old")
        (place.target / where / "b").write_bytes(b"old")
    assert get(place, there).errors == []
    assert tree(place.target) == {"LOG0/a": b"file", "LOG0/b/c": b"file"}


def test_links_and_pipes_there_are_left_out(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(b"file")
    (there / "LOG0/link").symlink_to("/etc/passwd")
    (there / "LOG0/up").symlink_to("..")
    (there / "LOG1").symlink_to("LOG0")
    os.mkfifo(there / "LOG0/pipe")
    assert get(place, there, None, "LOG0", "LOG1").errors == []
    assert tree(place.target) == {"LOG0/a": b"file"}


def test_patterns_choose_before_anything_is_fetched(there: Path, place: Place) -> None:
    for name in ("log.txt", "dump.bin", "plog/a.log"):
        (there / "LOG0" / name).parent.mkdir(exist_ok=True)
        (there / "LOG0" / name).write_bytes(noise(1000))
    brought = get(place, there, patterns=("*.txt", "plog/*"))
    assert sorted(tree(place.target)) == ["LOG0/log.txt", "LOG0/plog/a.log"]
    assert brought.tally.size == 2000


def test_directories_without_files_come_too(there: Path, place: Place) -> None:
    assert get(place, there, None, "LOG0", "LOG1").errors == []
    assert [path.name for path in place.target.iterdir()] == ["LOG0"]


def test_more_names_than_one_call_takes(there: Path, place: Place) -> None:
    for number in range(900):
        (there / "LOG0" / f"{number} {'ö' * 50}").write_bytes(b"%d" % number)
    host = ShakyHost()
    assert get(place, there, host).errors == []
    assert tree(place.target) == tree(there)
    assert len(host.words) > 1
    assert max(sum(len(word) + 3 for word in words) for words in host.words) < 100_000


def test_complaints_of_the_host_are_problems(place: Place) -> None:
    many = b"".join(b"problem find: LOG0/%d\x1b: Permission denied\n" % n for n in range(9))
    brought = get(place, Path("/"), LyingHost(many))
    assert len(brought.problems) == 9
    lines = str(brought.errors[0]).splitlines()
    assert lines[0] == "host liar: find: LOG0/0\ufffd: Permission denied"
    assert lines[5:] == ["host liar: 4 more files were not collected"]


def test_a_full_disk_here(there: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (there / "LOG0/a").write_bytes(b"x")

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(receive, "_write", full)
    (error,) = get(place, there).errors
    assert str(error) == f"{place.target}: nothing can be written here: No space left on device"
    assert "is kept" in str(error.hint)


def test_a_directory_that_is_not_there(there: Path, place: Place) -> None:
    (error,) = get(place, there / "nowhere").errors
    assert str(error).startswith("host shaky: ")


KILLED = """
import sys, time
from pathlib import Path
from launcher.run.collect.one_host import bring
from launcher.run.collect.listing import Source
from launcher.run.collect.place import Place
from tests.collect_hosts import CountedStream, ShakyHost

class Slow(CountedStream):
    def read(self):
        time.sleep(0.01)
        return super().read()

class SlowHost(ShakyHost):
    def stream(self, *words):
        return Slow(super().stream(*words), self, None)

print(bring(Source(SlowHost(), sys.argv[1], ("LOG0",)), Place(Path(sys.argv[2]))))
"""


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it does not happen")


def test_killed_in_the_middle(there: Path, place: Place) -> None:
    (there / "LOG0/a").write_bytes(noise(1_000_000))
    (there / "LOG0/b").write_bytes(noise(20_000_000, 1))
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(there), str(place.target)])
    partials = place.target / ".partial/LOG0"
    wait_for(lambda: sum(path.stat().st_size for path in partials.glob("b")) > 2_000_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (place.target / "LOG0/b").exists()
    arrived = (partials / "b").stat().st_size
    brought = get(place, there, LocalHost())
    assert brought.errors == []
    assert 0 < brought.tally.size <= 20_000_000 + 1_000_000 - arrived
    assert tree(place.target / "LOG0") == tree(there / "LOG0")


def test_a_sum_is_of_the_size_that_was_noted_first(there: Path) -> None:
    log = there / "LOG0/log.txt"
    log.write_bytes(b"x" * 10_000_000)
    writer = subprocess.Popen(["sh", "-c", f"while :; do printf yyyy; done >>'{log}'"])
    try:
        for _ in range(3):
            (entry,) = list_files(Source(LocalHost(), str(there), ("LOG0",))).files
            assert hashlib.sha256(log.read_bytes()[: entry.size]).hexdigest() == entry.sha256
    finally:
        writer.kill()
        writer.wait()
