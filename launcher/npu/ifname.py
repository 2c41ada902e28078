"""HCCL_SOCKET_IFNAME: which interfaces of a host a name, or a pattern, stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"(=?)([A-Za-z0-9._-]+)")


def names_one(ifname: str, interfaces: Iterable[str]) -> bool:
    """Whether HCCL finds an interface: `eth` stands for all that begin so, `=eth0` for one.

    What excludes interfaces (`^docker0`), or lists several, is not judged: true.
    """
    match = _PLAIN.fullmatch(ifname)
    if match is None:
        return True
    is_exact, name = match.groups()
    return any(each == name if is_exact else each.startswith(name) for each in interfaces)
