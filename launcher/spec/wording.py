"""Pieces of messages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from launcher.errors import UsageError

_LONGEST = 60


def quoted(text: str) -> str:
    """The text in double quotes, on one line, cut when long."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return json.dumps(shown, ensure_ascii=False)


def some(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def in_units(count: int) -> str:
    """Bytes for people: three digits and a unit."""
    value, units = float(max(count, 0)), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def no_host(label: str, known: Iterable[str]) -> UsageError:
    """For a name that no host of the cluster file has."""
    return UsageError(f"no host {label} in the cluster file", hint=f"its hosts: {', '.join(known)}")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(difflib.get_close_matches(word, list(known), 1)), None)
