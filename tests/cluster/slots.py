"""Slots for testbeds: sessions that run at the same time have hosts of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.bed import Testbed
from tests.cluster.images.golden import CACHE, try_lock

SLOTS = "abcdefgh"


@contextmanager
def free_bed(golden: Path, *, sshd: str = "") -> Iterator[Testbed]:
    """A testbed without hosts in the first free slot; what killed sessions left in free slots goes."""
    slot, lock = _take_slot()
    try:
        for other in SLOTS.replace(slot, ""):  # one by one, so that others find free slots meanwhile
            if (found := try_lock(_lock_file(other))) is not None:
                _bed(other, golden, sshd).down()
                os.close(found)
        bed = _bed(slot, golden, sshd)
        bed.down()
        try:
            yield bed
        finally:
            bed.down()
    finally:
        os.close(lock)


def _take_slot() -> tuple[str, int]:
    for slot in SLOTS:
        if (lock := try_lock(_lock_file(slot))) is not None:
            return slot, lock
    raise RuntimeError(f"all testbeds of {CACHE} are in use")


def _lock_file(slot: str) -> Path:
    return CACHE / f"bed-{slot}.lock"


def _bed(slot: str, golden: Path, sshd: str) -> Testbed:
    return Testbed(CACHE / f"bed-{slot}", prefix=f"ltb{slot}", golden=golden, sshd=sshd)
