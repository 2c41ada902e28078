"""Which device kind chips are. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from launcher.npu.smi import Chip
from launcher.spec.cluster import DeviceKind

_PREFIX = re.compile(r"ascend[ _-]*", re.IGNORECASE)
_FIRST = re.compile(r"910[ _-]*(A|Pro[ _-]*[AB]?|Premium[ _-]*A)$", re.IGNORECASE)
_A3 = re.compile(r"910(_93.*|C.*)", re.IGNORECASE)


def common_kind(hosts: Iterable[Iterable[Chip]]) -> DeviceKind | None:
    """The kind that the chips of all hosts are of, hosts without chips aside; None where there is no such."""
    kinds = {kind_of(chips) for chips in map(tuple, hosts) if chips}
    return kinds.pop() if len(kinds) == 1 else None


def kind_of(chips: Iterable[Chip]) -> DeviceKind | None:
    """The kind that all chips of a host are of; None where their names do not say it.

    The name is not the generation: a 910B3 is in an A2, and an A3 calls its chips Ascend910, two to an NPU.
    """
    listed = list(chips)
    dies = Counter(chip.npu for chip in listed)
    kinds = {_kind(chip.name, dies[chip.npu]) for chip in listed}
    return kinds.pop() if len(kinds) == 1 else None


def _kind(name: str, dies: int) -> DeviceKind | None:
    bare = _PREFIX.sub("", name.strip())
    if not bare.startswith("910"):
        return None
    if dies > 1 or _A3.fullmatch(bare):
        return DeviceKind.ASCEND910_93
    if bare.upper().startswith("910B"):
        return DeviceKind.ASCEND910B
    return DeviceKind.ASCEND910 if _FIRST.fullmatch(bare) else None
