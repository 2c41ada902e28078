"""Scalar types of the files that people write: names, durations, sizes, sets of numbers."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from launcher.spec.plain import plain_value

SCHEMA = 1
NAME = r"[a-z0-9][a-z0-9-]{0,39}"
HOST_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$"
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
PARAMETER_NAME = rf"^({NAME}|[A-Za-z_][A-Za-z0-9_]*)$"
PATTERNS = {
    rf"^{NAME}$": "a name of lower-case letters, digits and dashes, at most 40, not a dash first",
    HOST_NAME: "a host name of letters, digits, dots, dashes and underscores",
    ENV_NAME: "the name of an environment variable",
    PARAMETER_NAME: "the name of a parameter: letters, digits, dashes or underscores",
}
"""What the patterns mean, for messages."""
_RANGE = re.compile(r"\s*(0|[1-9]\d{0,8})(?:-(0|[1-9]\d{0,8}))?\s*")
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
    match = _RANGE.fullmatch(str(item))
    if match is None or isinstance(item, bool):
        raise ValueError("expected numbers such as 0-3,6 or a list")
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    if last < first or last - first >= _MOST_NUMBERS:
        raise ValueError("not an ascending range of numbers")
    return range(first, last + 1)


def parse_ranks(value: Any) -> int | Literal["all"]:
    """A whole number of at least 1, or `all`. Raises ValueError."""
    if isinstance(value, str) and value == "all":
        return "all"
    number = plain_value(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError("expected a whole number of at least 1, or all")
    return number


def parse_schema(value: Any) -> Literal[1]:
    """The version of a file's schema. Raises ValueError, for a newer one by name."""
    number = plain_value(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"expected {SCHEMA}")
    if number > SCHEMA:
        raise ValueError(
            f"schema {number} is newer than what this launcher reads, {SCHEMA}: update the launcher"
        )
    return 1


def parse_parameter(value: Any) -> Any:
    """Text, a number, a truth value, or a list of them (a tuple then). Raises ValueError."""
    if isinstance(value, (list, tuple)):
        return tuple(_parameter_scalar(item) for item in value)
    return _parameter_scalar(value)


def _parameter_scalar(value: Any) -> str | int | float | bool:
    scalar = _text(plain_value(value))
    if not isinstance(scalar, (str, int, float, bool)):
        raise ValueError("expected text, a number, true or false, or a list of them")
    return scalar


def parse_device_id(value: Any) -> Any:
    """A device id, also as the text that a key of a mapping is. Raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"0|[1-9]\d{0,8}", value):
        return int(value)
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ValueError("must not hold a NUL character: no shell or system call can carry it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be valid Unicode text")
    return str(value)


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def with_tag(image: str) -> str:
    """The name of one image: without tag or digest Docker takes it for `latest`, or for all tags."""
    return image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("expected an absolute path")
    return value


Text = Annotated[str, BeforeValidator(_text)]
Word = Annotated[Text, AfterValidator(_not_empty), WithJsonSchema({"type": "string", "minLength": 1})]
ImageName = Annotated[Word, AfterValidator(with_tag)]
AbsolutePath = Annotated[Text, AfterValidator(_absolute), WithJsonSchema({"type": "string", "pattern": "^/"})]
Name = Annotated[str, Field(pattern=rf"^{NAME}$"), BeforeValidator(_text)]
HostName = Annotated[str, Field(pattern=HOST_NAME), BeforeValidator(_text)]
EnvName = Annotated[str, Field(pattern=ENV_NAME), BeforeValidator(_text)]
ParameterName = Annotated[str, Field(pattern=PARAMETER_NAME), BeforeValidator(_text)]
Integer = Annotated[int, Field(strict=True), BeforeValidator(plain_value)]
Positive = Annotated[int, Field(strict=True, ge=1), BeforeValidator(plain_value)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535), BeforeValidator(plain_value)]
Count = Annotated[int, Field(strict=True, ge=0), BeforeValidator(plain_value)]
Flag = Annotated[bool, Field(strict=True), BeforeValidator(plain_value)]
DeviceId = Annotated[int, Field(strict=True, ge=0), BeforeValidator(parse_device_id)]
SchemaVersion = Annotated[Literal[1], PlainValidator(parse_schema), WithJsonSchema({"const": SCHEMA})]
Ranks = Annotated[
    int | Literal["all"],
    PlainValidator(parse_ranks),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]
Parameter = Annotated[
    str | int | float | bool | tuple[str | int | float | bool, ...],
    PlainValidator(parse_parameter),
    PlainSerializer(lambda value: value, return_type=Any),  # pydantic warns of unions that hold tuples
    WithJsonSchema(
        {
            "type": ["string", "number", "boolean", "array"],
            "items": {"type": ["string", "number", "boolean"]},
        }
    ),
]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["number", "string"], "examples": ["90s", "10m"]}),
]
HcclTimeout = Annotated[
    float,
    Field(ge=120, le=7200),
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["number", "string"], "minimum": 120, "maximum": 7200, "examples": ["600s"]}),
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
