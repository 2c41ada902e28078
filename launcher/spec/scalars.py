"""Scalar types of the files that people write: names, durations, sizes, sets of numbers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

NAME = r"[a-z0-9][a-z0-9-]{0,39}"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?|B)?", re.IGNORECASE)
_MOST_NUMBERS = 65536


def parse_duration(value: Any) -> float:
    """Seconds of `90`, `90s`, `10m`, `8h` or `2d`. Raises ValueError."""
    match = _DURATION.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("expected a duration such as 90s, 10m, 8h or 2d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_size(value: Any) -> int:
    """Bytes of `1000`, `500MB` (powers of 1000) or `2GiB` (powers of 1024). Raises ValueError."""
    match = _SIZE.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("expected a size such as 500MB or 2GiB")
    power = " KMGT".index((match[2] or " ").upper())
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def parse_numbers(value: Any) -> tuple[int, ...]:
    """The numbers of `[0, 1, 4]`, `3` or `0-3,6`, in the order given. Raises ValueError."""
    if isinstance(value, (list, tuple)):
        items = list(value)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        items = str(value).split(",")
    else:
        raise ValueError("expected numbers such as 0-3,6 or a list")
    numbers = [number for item in items for number in _range(item)]
    repeated = sorted(number for number, count in Counter(numbers).items() if count > 1)
    if repeated:
        raise ValueError(f"given more than once: {', '.join(map(str, repeated))}")
    return tuple(numbers)


def _range(item: Any) -> range:
    match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", str(item))
    if match is None or isinstance(item, bool):
        raise ValueError(f"expected numbers such as 0-3,6 or a list, got {item!r}")
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    if last < first or last - first >= _MOST_NUMBERS:
        raise ValueError(f"not a range of numbers: {item!r}")
    return range(first, last + 1)


def _no_nul(value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not hold a NUL character: no shell or system call can carry it")
    return value


Text = Annotated[str, BeforeValidator(_no_nul)]
Name = Annotated[str, Field(pattern=rf"^{NAME}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$")]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["number", "string"], "examples": ["90s", "10m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"type": ["integer", "string"], "examples": ["500MB", "2GiB"]}),
]
Numbers = Annotated[
    tuple[int, ...],
    BeforeValidator(parse_numbers),
    WithJsonSchema(
        {"type": ["array", "string", "integer"], "items": {"type": "integer"}, "examples": ["0-7"]}
    ),
]
