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
    held = [(slot, lock) for slot in SLOTS if (lock := try_lock(CACHE / f"bed-{slot}.lock")) is not None]
    if not held:
        raise RuntimeError(f"all testbeds of {CACHE} are in use")
    for slot, _ in held:
        _bed(slot, golden, sshd).down()
    (slot, lock), *others = held
    for _, other in others:
        os.close(other)
    bed = _bed(slot, golden, sshd)
    try:
        yield bed
    finally:
        bed.down()
        os.close(lock)


def _bed(slot: str, golden: Path, sshd: str) -> Testbed:
    return Testbed(CACHE / f"bed-{slot}", prefix=f"ltb{slot}", golden=golden, sshd=sshd)
