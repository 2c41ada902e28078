"""What a scalar written without quotes means.

One rule: a text field gets the characters as they were written (`1.10`, `017`, `no`, `12:30`); any other
field knows `true`, `false` and decimal numbers only. What YAML 1.1 and 1.2 read differently is refused there.
"""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_AMBIGUOUS_TRUTH = re.compile(r"y|n|yes|no|on|off", re.IGNORECASE)
_AMBIGUOUS_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[0-9]+_[0-9_.]*|\.inf)|\.nan",
    re.IGNORECASE,
)
NULL = frozenset(("", "~", "null", "Null", "NULL"))


class Plain(str):
    """Text of a scalar that was written without quotes."""

    __slots__ = ()


def plain_value(value: object) -> object:
    """The number or truth value that a `Plain` stands for, else the value itself.

    Raises ValueError for what YAML 1.1 and 1.2 read differently.
    """
    if not isinstance(value, Plain):
        return value
    if value in _TRUTH:
        return _TRUTH[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    if _AMBIGUOUS_TRUTH.fullmatch(value):
        raise ValueError(
            "versions of YAML read this word differently: write true or false, or put it in quotes"
        )
    if _AMBIGUOUS_NUMBER.fullmatch(value):
        raise ValueError(
            "versions of YAML read this differently: write a plain decimal number, or put it in quotes"
        )
    return float(value) if _FLOAT.fullmatch(value) else str(value)
