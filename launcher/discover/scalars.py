"""How values are written in a cluster file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_NUMBER = re.compile(r"[-+.]?[0-9].*|[-+]?\.(inf|nan)", re.IGNORECASE)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"))


def scalar(value: Any, *, in_flow: bool = False) -> str:
    """A value as YAML text; quotes only where it would be read as something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        text = ranges(value)
        return json.dumps(text) if "," in text and in_flow else text
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    if is_plain and (_ADDRESS.fullmatch(text) or not _NUMBER.fullmatch(text)):
        return text
    return json.dumps(text, ensure_ascii=False)


def flow_mapping(values: Mapping[Any, Any]) -> str:
    """`{0: a, 1: b}`."""
    return "{" + ", ".join(f"{key}: {scalar(value, in_flow=True)}" for key, value in values.items()) + "}"


def ranges(numbers: tuple[int, ...]) -> str:
    """`0-3,6` for ascending numbers."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
