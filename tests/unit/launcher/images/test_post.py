"""A host's part in a delivery, on this machine: what it leaves, and what the next one takes over."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from launcher.hosts import LocalHost, RemoteError
from launcher.images.keys import new_pass
from launcher.images.post import Door, Parcel, Post, Site, Spoilt
from launcher.remote import script

DATA = bytes(range(256)) * 100
PARCEL = Parcel(len(DATA), hashlib.sha256(DATA).hexdigest())
OTHER = Parcel(3, hashlib.sha256(b"abc").hexdigest())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory whose name no shell must take apart."""
    work = tmp_path / "work $(touch hacked) 'dir*"
    work.mkdir()
    return work


def opened(work: Path, token: str, expected: Parcel | None = PARCEL) -> Post:
    return Post(LocalHost("here"), Site(str(work)), token, new_pass(), expected)


def interrupted(work: Path, token: str = "first", arrived: bytes = DATA[:1000]) -> None:
    """A delivery after which so much is there."""
    post = opened(work, token)
    Path(post.parcel).write_bytes(arrived)
    break_off(post)
    post.close()


def break_off(post: Post) -> None:
    """It was to be given the rest by one that has nothing any more."""
    source = opened(Path(post.site.work_dir), "source", None)
    with pytest.raises(RemoteError, match="does not arrive whole from here"):
        post.take_from(source, PARCEL, lambda there: None)
    source.close()


def test_who_does_not_get_it_is_named_with_why(work: Path) -> None:
    post = opened(work, "first")
    with pytest.raises(RemoteError, match=r"^host here: .*\(ssh ended with 255\)$"):
        post.fetch(Door("127.0.0.1", "1", "nobody"), PARCEL, lambda there: None)
    post.close(keep=False)


def left(work: Path) -> list[str]:
    """Files below the work directory, each with the last part of where it is."""
    return sorted("/".join(path.parts[-2:]) for path in work.rglob("*") if path.is_file())


def test_a_post_that_closes_leaves_nothing(work: Path) -> None:
    post = opened(work, "first")
    assert (post.door, post.reason, post.there) == (None, "no address of it is known", 0)
    assert post.beat() and (work / "images/first/owner").is_file()
    post.close()
    post.close()
    assert not work.exists()
    assert not post.beat()


def test_what_has_arrived_waits_for_the_same_parcel(work: Path) -> None:
    interrupted(work)
    assert left(work) == ["first/kept", "first/owner", "first/sum"]
    post = opened(work, "second")
    assert post.there == 1000 and Path(post.parcel).read_bytes() == DATA[:1000]
    assert left(work) == ["second/owner", "second/parcel", "second/sum"]
    post.close()
    assert not work.exists()


@pytest.mark.parametrize("expected", [OTHER, None])
def test_any_other_delivery_removes_it(work: Path, expected: Parcel | None) -> None:
    interrupted(work)
    post = opened(work, "second", expected)
    assert post.there == 0 and [path.name for path in (work / "images").iterdir()] == ["second"]
    post.close()
    assert not work.exists()


def test_who_wants_nothing_kept_leaves_nothing(work: Path) -> None:
    post = opened(work, "first")
    break_off(post)
    post.close(keep=False)
    assert not work.exists()


def test_of_two_the_one_where_more_has_arrived(work: Path) -> None:
    interrupted(work, "long", DATA[:2000])
    kept = work / "images/long"
    kept.rename(work / "kept")
    interrupted(work, "short", DATA[:10])
    (work / "kept").rename(kept)
    post = opened(work, "next")
    assert post.there == 2000
    post.close()


def test_a_delivery_that_goes_on_is_left_alone(work: Path) -> None:
    first = opened(work, "first")
    Path(first.parcel).write_bytes(DATA[:1000])
    second = opened(work, "second")
    assert second.there == 0 and Path(first.parcel).read_bytes() == DATA[:1000]
    second.close()
    first.close()
    assert not work.exists()


def test_after_a_power_cut_what_was_there_is_taken_over(work: Path) -> None:
    post = opened(work, "first")
    Path(post.parcel).write_bytes(DATA[:1000])
    (work / "images/first/owner").write_text("1 1 another-boot\n")
    following = opened(work, "second")
    assert following.there == 1000
    following.close()
    post.close()
    assert not work.exists()


def test_clean_removes_what_was_interrupted_and_nothing_that_goes_on(work: Path, tmp_path: Path) -> None:
    interrupted(work)
    kept = work / "images/first"
    kept.rename(work / "kept")
    living = opened(work, "living")
    (work / "kept").rename(kept)
    for mode in ("look", "remove"):
        assert kept.exists()
        done = LocalHost().run(script("clean"), mode, str(work), str(tmp_path / "locks"))
        assert [line.split()[:2] for line in done.out.splitlines()] == [["rest", "first"]]
    assert not kept.exists() and (work / "images/living").exists()
    living.close()


def test_a_place_without_an_owner_is_young_or_over(work: Path) -> None:
    young, old = work / "images/young", work / "images/old"
    for directory in (young, old):
        directory.mkdir(parents=True)
    os.utime(old, (time.time() - 300, time.time() - 300))
    post = opened(work, "first")
    assert young.exists() and not old.exists()
    post.close()


def test_what_is_spoilt_is_gone_and_said_to_be_so(work: Path) -> None:
    post = opened(work, "first")
    Path(post.parcel).write_bytes(b"x" * PARCEL.size)
    with pytest.raises(Spoilt, match="host here: the image arrived other than it was sent"):
        post.verify(PARCEL)
    assert not Path(post.parcel).exists()
    post.close()


def test_the_same_image_is_the_same_parcel_when_it_is_packed_again(tmp_path: Path) -> None:
    """Whatever the order and the times of directories."""
    sums = []
    for number, names in enumerate([("a", "b"), ("b", "a")]):
        tree = tmp_path / str(number) / "tree"
        for name in names:
            (tree / name).mkdir(parents=True)
            (tree / name / "layer.tar").write_text(name)
            os.utime(tree / name / "layer.tar", (1, 1))
            os.utime(tree / name, (number, number))
        (tree / "left out").write_text("x")
        done = LocalHost().run(script("image_pack"), str(tree.parent), "left out")
        assert done.code == 0, done.err
        sums.append(done.out)
    assert sums[0] == sums[1]
