"""Files to a host: whole, by rename, and only from who has the lease."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from launcher.claims import lease
from launcher.hosts import LocalHost, RemoteError
from launcher.hosts.fence import Fenced
from launcher.hosts.files import put
from launcher.remote import script

HOST = LocalHost("here")


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    """A run directory with a lease of epoch 1."""
    lease.take(HOST, str(tmp_path / "run"), 1, "me@here 1 2 3", "process")
    return str(tmp_path / "run")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "run" / "inputs"


def everything(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_files_arrive_byte_for_byte(run_dir: str, target: Path) -> None:
    files = {"spec.json": b"{}\n", "scripts/rank-0.sh": os.urandom(300_000), "empty": b""}
    put(HOST, files, str(target), fence=(run_dir, 1))
    assert everything(target) == files
    assert stat.S_IMODE((target / "spec.json").stat().st_mode) == 0o644


def test_files_get_the_mode_they_are_to_have(run_dir: str, target: Path) -> None:
    put(HOST, {"secrets": b"A=b\n"}, str(target), fence=(run_dir, 1), mode=0o600)
    assert stat.S_IMODE((target / "secrets").stat().st_mode) == 0o600


def test_directories_are_made(run_dir: str, target: Path, tmp_path: Path) -> None:
    directories = [str(tmp_path / "run/attempt-1/state"), str(tmp_path / "run/ckpt"), str(tmp_path)]
    put(HOST, {}, str(target), fence=(run_dir, 1), directories=directories)
    assert [os.path.isdir(each) for each in (*directories, target)] == [True] * 4
    assert everything(target) == {}


def test_a_file_that_is_there_is_replaced_by_rename(run_dir: str, target: Path) -> None:
    put(HOST, {"plan.json": b"old"}, str(target), fence=(run_dir, 1))
    with open(target / "plan.json", "rb") as reader:
        put(HOST, {"plan.json": b"new"}, str(target), fence=(run_dir, 1))
        assert reader.read() == b"old"
    assert everything(target) == {"plan.json": b"new"}


def test_any_target_is_only_a_directory(run_dir: str, tmp_path: Path, hostile: str) -> None:
    name = f"{tmp_path}/to/{hostile[:200]}/x"
    put(HOST, {"spec.json": b"{}"}, name, fence=(run_dir, 1))
    assert Path(name, "spec.json").read_bytes() == b"{}"
    assert not (tmp_path / "hacked").exists() and not Path("hacked").exists()


@pytest.mark.parametrize("epoch", [0, 2])
def test_who_has_not_the_lease_writes_nothing(run_dir: str, target: Path, epoch: int) -> None:
    with pytest.raises(Fenced, match=r"^host here: the lease of this run has epoch 1, not"):
        put(HOST, {"plan.json": b"new"}, str(target), fence=(run_dir, epoch), directories=[f"{target}/d"])
    assert not target.exists()


def test_who_loses_the_lease_while_files_are_on_their_way_writes_nothing(run_dir: str, target: Path) -> None:
    archive = archive_of({"a": bytes(1000), "b": bytes(1000)})
    ours, theirs = os.pipe()

    def send() -> None:
        with open(theirs, "wb") as pipe:
            pipe.write(archive[:50])
            pipe.flush()
            while not list(target.glob(".put.*")):  # the fence has let us through
                pass
            lease.take(HOST, run_dir, 2, "another", "process")
            pipe.write(archive[50:])

    sender = threading.Thread(target=send)
    sender.start()
    with open(ours, "rb") as pipe:
        done = HOST.run(script("put"), run_dir, "1", str(target), "2", stdin=pipe)
    sender.join()
    assert done.code == 75 and "has epoch 2, not 1" in done.err
    assert list(target.iterdir()) == []


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_half_an_archive_changes_nothing(run_dir: str, target: Path) -> None:
    put(HOST, {"a": b"old"}, str(target), fence=(run_dir, 1))
    whole = archive_of({"a": os.urandom(5000), "b": os.urandom(5000)})
    for size in (0, 1, 50, len(whole) // 2, len(whole) - 1):
        done = HOST.run(script("put"), run_dir, "1", str(target), "2", stdin=whole[:size])
        assert done.code not in (0, 75), size
        assert everything(target) == {"a": b"old"}
    assert [path.name for path in target.iterdir()] == ["a"]


def test_an_archive_that_ends_between_two_files_changes_nothing(run_dir: str, target: Path) -> None:
    done = HOST.run(script("put"), run_dir, "1", str(target), "2", stdin=archive_of({"a": b"new"}))
    assert (done.code, done.err) == (1, "the files did not arrive whole\n")
    assert list(target.iterdir()) == []


def test_a_host_that_cannot_keep_files_says_why(run_dir: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RemoteError, match=r"^host here: .*Not a directory"):
        put(HOST, {"a": b""}, f"{tmp_path}/file/x", fence=(run_dir, 1))
