"""Types of command line options: argparse turns what they raise into a usage error (exit code 2)."""

from __future__ import annotations

import argparse

_SHORTEST_SEQUENCE = 5  # [CLS] a [SEP] b [SEP]
_SMALLEST_VOCABULARY = 100


def positive_int(text: str) -> int:
    """An integer above 0."""
    return _int_from(text, 1)


def sequence_length(text: str) -> int:
    """A number of tokens that holds a pair of non-empty texts with their special tokens."""
    return _int_from(text, _SHORTEST_SEQUENCE)


def vocabulary_size(text: str) -> int:
    """A number of tokens that leaves room for the letters of an alphabet."""
    return _int_from(text, _SMALLEST_VOCABULARY)


def probability(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _int_from(text: str, lowest: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer") from None
    if value < lowest:
        raise argparse.ArgumentTypeError(f"{value} is below {lowest}")
    return value
