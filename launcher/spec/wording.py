"""Pieces of messages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

_LONGEST = 60


def quoted(text: str) -> str:
    """The text in double quotes, on one line, cut when long."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return json.dumps(shown, ensure_ascii=False)


def some(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(difflib.get_close_matches(word, list(known), 1)), None)
