"""The scripts that carry a parcel, on this machine."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest

from launcher.hosts import LocalHost
from launcher.remote import script

HERE = LocalHost("here")
DATA = bytes(range(256)) * 1000


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    path = tmp_path / "a place" / "parcel"
    path.parent.mkdir()
    path.write_bytes(DATA)
    return path


def sent(parcel: Path, offset: str, size: str, patience: str = "1"):
    return HERE.run(script("image_send"), str(parcel), patience, offset, size)


@pytest.mark.parametrize("offset", [0, 1, 255_999, 256_000])
def test_the_rest_from_a_byte_on(parcel: Path, tmp_path: Path, offset: int) -> None:
    with (tmp_path / "out").open("wb") as out:
        words = (str(parcel), "1", str(offset), str(len(DATA)))
        assert HERE.run(script("image_send"), *words, out=out).code == 0
    assert (tmp_path / "out").read_bytes() == DATA[offset:]


def test_what_still_grows_is_followed_to_its_end(parcel: Path, tmp_path: Path) -> None:
    parcel.write_bytes(DATA[:1000])

    def grow() -> None:
        for at in range(1000, len(DATA), 85_000):
            time.sleep(0.1)
            with parcel.open("ab") as file:
                file.write(DATA[at : at + 85_000])

    growing = threading.Thread(target=grow)
    growing.start()
    with (tmp_path / "out").open("wb") as out:
        done = HERE.run(script("image_send"), str(parcel), "20", "0", str(len(DATA)), out=out)
    growing.join()
    assert done.code == 0 and (tmp_path / "out").read_bytes() == DATA


def test_what_grows_no_more_is_given_up(parcel: Path) -> None:
    assert sent(parcel, "0", str(len(DATA) + 1)).code == 3


def test_what_is_gone_is_given_up_at_once(parcel: Path) -> None:
    parcel.unlink()
    assert sent(parcel, "0", "9", "600").code == 4


@pytest.mark.parametrize(
    ("offset", "size"), [("", ""), ("0", ""), ("", "1"), ("x", "1"), ("0", "1;id"), ("-1", "2"), ("1:2", "3")]
)
def test_who_asks_for_something_else_gets_nothing(parcel: Path, offset: str, size: str) -> None:
    done = sent(parcel, offset, size)
    assert (done.code, done.out) == (2, "")


def test_the_sum_decides(parcel: Path) -> None:
    right = hashlib.sha256(DATA).hexdigest()
    assert HERE.run(script("image_verify"), str(parcel), right).code == 0
    parcel.write_bytes(DATA[:-1] + b"x")
    refused = HERE.run(script("image_verify"), str(parcel), right)
    assert refused.code == 3 and "other than it was sent" in refused.err
    assert not parcel.exists()


def test_a_relay_goes_on_behind_what_is_there_and_nowhere_else(parcel: Path) -> None:
    parcel.write_bytes(DATA[:10])
    assert HERE.run(script("image_append"), str(parcel), "9", stdin=b"x").code == 1
    assert HERE.run(script("image_append"), str(parcel), "10", stdin=DATA[10:]).code == 0
    assert parcel.read_bytes() == DATA


def test_room_is_looked_for(tmp_path: Path) -> None:
    assert HERE.run(script("image_room"), str(tmp_path), "1000000").code == 0
    (tmp_path / "parcel").write_bytes(b"x" * 5000)
    assert HERE.run(script("image_room"), str(tmp_path), "5000").code == 0
    refused = HERE.run(script("image_room"), str(tmp_path), str(10**18))
    assert refused.code == 1 and "has room for" in refused.err
