"""Values that should be equal on all hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Key = TypeVar("Key")


def by_value(values: Mapping[Key, str]) -> dict[str, list[Key]]:
    """Who has each value, in the order in which they come; an empty one counts as not known."""
    found: dict[str, list[Key]] = {}
    for key, value in values.items():
        if value:
            found.setdefault(value, []).append(key)
    return found


def minority(values: Mapping[Key, str]) -> Iterator[tuple[Key, list[Key]]]:
    """Those that differ from the most, and these; of two values that are as frequent the first wins."""
    found = by_value(values)
    if len(found) < 2:
        return
    most = max(found.values(), key=len)
    for key, value in values.items():
        if value and key not in most:
            yield key, most
