"""Text to words in compiled code.

A text is cut at what ends a word whatever stands around it: spaces, CJK characters and punctuation. Not at
punctuation that a final sigma looks past ("."), nor at what is seldom: there the Tokenizer cuts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinybert.text.byte_table import EMPTY_HASH, Table, enter_all, hashed, new_table, number_of
from tinybert.text.compiled import compiled, compiled_part
from tinybert.text.tokenization import CJK_RANGES, is_punctuation, is_separator

IN_WORD, SPACE, ALONE, STRIPPED = range(4)
WORDS, LINES, POSITION = range(3)
"""What `Scanned.counts` counts."""
_ASCII = 128
# Where all spaces are, and the punctuation that is frequent; at other punctuation the Tokenizer cuts.
_LOOKED_AT = ((0x00, 0xBF), (0x1680, 0x1680), (0x2000, 0x205F), (0x3000, 0x301F), (0xFF01, 0xFF65))


class Scanned(NamedTuple):
    """What `scan` fills."""

    words: np.ndarray  # by their number in the table of words
    line_ends: np.ndarray  # in words
    line_is_blank: np.ndarray
    counts: np.ndarray


def new_words(words: int, size: int) -> Table:
    """A table for so many words of `size` bytes together; in it each ASCII character has its own number."""
    table = new_table(_ASCII + words, _ASCII + size)
    enter_all(table, [bytes([byte]) for byte in range(_ASCII)])
    return table


def new_scanned(text: bytes) -> Scanned:
    """Room for the words of `text`, which ends with a newline."""
    lines = text.count(b"\n")
    words = np.empty(len(text), np.int32)
    return Scanned(words, np.empty(lines, np.int64), np.empty(lines, np.bool_), np.zeros(3, np.int64))


def character_classes() -> np.ndarray:
    """The class of each character below U+10000."""
    classes = np.full(0x10000, IN_WORD, np.uint8)
    for first, last in _LOOKED_AT:
        for point in range(first, last + 1):
            classes[point] = _class_of_char(chr(point))
    for first, last in CJK_RANGES:
        if last < len(classes):
            classes[first : last + 1] = ALONE
    return classes


def _class_of_char(char: str) -> int:
    if is_separator(char):
        return SPACE
    if char.isspace():
        return STRIPPED
    return ALONE if is_punctuation(char) and _ends_sigma(char) else IN_WORD


def _ends_sigma(char: str) -> bool:
    """Whether lower-casing does not look past it: the Tokenizer's words may be cut there before."""
    return f"ΑΣ{char}Α".lower()[1] == "ς"


@compiled_part
def _point_at(text, at):
    """The code point at a byte, and how many bytes it has. The text is valid UTF-8."""
    byte = np.int64(text[at])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | (text[at + 1] & 0x3F), 2
    second = np.int64(text[at + 1] & 0x3F)
    third = np.int64(text[at + 2] & 0x3F)
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | second << 6 | third, 3
    return (byte & 0x07) << 18 | second << 12 | third << 6 | np.int64(text[at + 3] & 0x3F), 4


@compiled_part
def _class_of(point, classes):
    if point < 0x10000:
        return classes[point]
    ideograph = 0x20000 <= point <= 0x2A6DF or 0x2A700 <= point <= 0x2CEAF or 0x2F800 <= point <= 0x2FA1F
    return np.uint8(ALONE if ideograph else IN_WORD)


@compiled_part
def _hash_on(value, text, start, end):
    for at in range(start, end):
        value = hashed(value, text[at])
    return value


@compiled_part
def _alone(text, start, end, table):
    """The number of a character that is a word: for ASCII itself, see `new_words`."""
    if end == start + 1:
        return np.int64(text[start])
    return number_of(text, start, end, _hash_on(EMPTY_HASH, text, start, end), table)


@compiled
def scan(text, classes, table, scanned):
    """Scan lines from counts[POSITION] on; stops before a line for which the table of words has no room."""
    words, counts = scanned.words, scanned.counts
    at, count = counts[POSITION], counts[WORDS]
    while at < len(text):
        run, value, is_blank = at, EMPTY_HASH, True
        point = np.int64(0)
        while point != 10:
            point, size = _point_at(text, at)
            kind = _class_of(point, classes)
            after = at + size
            if kind in (IN_WORD, STRIPPED):
                value = _hash_on(value, text, at, after)
                is_blank = is_blank and kind == STRIPPED
                at = after
                continue
            if run < at:
                word = number_of(text, run, at, value, table)
                if word < 0:
                    return
                words[count] = word
                count += 1
            if kind == ALONE:
                is_blank = False
                word = _alone(text, at, after, table)
                if word < 0:
                    return
                words[count] = word
                count += 1
            run, value, at = after, EMPTY_HASH, after
        line = counts[LINES]
        scanned.line_ends[line] = count
        scanned.line_is_blank[line] = is_blank
        counts[LINES] += 1
        counts[WORDS] = count
        counts[POSITION] = at
