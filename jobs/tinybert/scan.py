"""Text to tokens in compiled code: ASCII words whole, all others through the Tokenizer, each once.

A text is cut at what ends a word whatever stands around it: spaces, CJK characters and punctuation. Not at
punctuation that a final sigma looks past ("."): there the Tokenizer cuts, or `_add_ascii`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinybert.compiled import compiled
from tinybert.tokenization import (
    CJK_RANGES,
    CONTINUATION,
    UNK,
    Vocabulary,
    is_punctuation,
    is_separator,
)

IN_WORD, SPACE, ALONE, STRIPPED = range(4)
TOKENS, LINES, KEYS, KEY_BYTES, POSITION = range(5)
"""What `Scanned.counts` counts."""
_SEED, _SEED_OF_REST = 2166136261, 84696351  # of the hash: which half of the vocabulary
_LONGEST = 200  # characters of a token; longer ones are [UNK]
# Where all spaces are, and the punctuation that is frequent; at other punctuation the Tokenizer cuts.
_LOOKED_AT = ((0x00, 0xBF), (0x1680, 0x1680), (0x2000, 0x205F), (0x3000, 0x301F), (0xFF01, 0xFF65))


class Table(NamedTuple):
    """A hash table of byte strings, open addressing; a slot is -1 or 31 bits of hash << 32 | key."""

    slots: np.ndarray
    starts: np.ndarray
    bytes: np.ndarray


class Pieces(NamedTuple):
    """A vocabulary for ASCII words: all tokens, then those that continue a word, without their "##"."""

    table: Table
    ids: np.ndarray
    characters: np.ndarray  # the token of each ASCII character that stands alone
    longest: int
    unknown: int


class Scanned(NamedTuple):
    """What `scan` fills. A token below 0 is that of key -token - 1: a word that is not ASCII."""

    tokens: np.ndarray
    line_ends: np.ndarray  # in tokens
    line_is_blank: np.ndarray
    keys: Table
    counts: np.ndarray


def new_table(keys: int, size: int) -> Table:
    """An empty table for so many keys of `size` bytes together."""
    slots = np.full(1 << (4 * keys).bit_length(), -1, np.int64)
    return Table(slots, np.zeros(keys + 1, np.int64), np.zeros(size, np.uint8))


def new_scanned(text: bytes, keys: Table) -> Scanned:
    """Room for the tokens of `text`, which ends with a newline."""
    lines = text.count(b"\n")
    tokens = np.empty(len(text), np.int32)
    return Scanned(tokens, np.empty(lines, np.int64), np.empty(lines, np.bool_), keys, np.zeros(5, np.int64))


def pieces_of(vocabulary: Vocabulary) -> Pieces:
    """The vocabulary as a table."""
    first = {token.encode(): index for token, index in vocabulary.ids.items()}
    mark = CONTINUATION.encode()
    rest = {token[len(mark) :]: index for token, index in first.items() if token.startswith(mark)}
    unknown = vocabulary.ids[UNK]
    characters = [vocabulary.ids.get(chr(point), unknown) for point in range(128)]
    return Pieces(
        _filled([*first, *rest], len(first)),
        np.array([*first.values(), *rest.values()], np.int32),
        np.array(characters, np.int32),
        max(map(len, first)),
        unknown,
    )


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


def _filled(keys: list[bytes], first: int) -> Table:
    content, ends = b"".join(keys) + b"\0", np.cumsum([0, *map(len, keys)], dtype=np.int64)
    table = new_table(len(keys) + 1, len(content))
    _enter(np.frombuffer(content, np.uint8), ends, first, table, np.zeros(5, np.int64))
    return table


@compiled
def _hash(text, start, end, seed):
    value = seed
    for at in range(start, end):
        value = ((value ^ text[at]) * 16777619) & 0x7FFFFFFF
    return value


@compiled
def _find(text, start, end, value, slots, starts, content):
    """The number of the key text[start:end] with this hash, or -1 - (slot to put it in)."""
    mask = len(slots) - 1
    slot = (value ^ (value >> 15)) & mask
    while slots[slot] >= 0:
        if slots[slot] >> 32 == value:
            key = slots[slot] & 0xFFFFFFFF
            at = starts[key]
            if starts[key + 1] - at == end - start:
                offset = 0
                while offset < end - start and content[at + offset] == text[start + offset]:
                    offset += 1
                if offset == end - start:
                    return key
        slot = (slot + 1) & mask
    return -1 - slot


@compiled
def _key_of(text, start, end, seed, table, counts):
    """The number of a key, entered if it is new; -1 where the table is full."""
    slots, starts, content = table
    value = _hash(text, start, end, seed)
    key = _find(text, start, end, value, slots, starts, content)
    if key >= 0:
        return key
    number, size = counts[KEYS], counts[KEY_BYTES]
    if number == len(starts) - 1 or size + end - start > len(content):
        return np.int64(-1)
    slots[-1 - key] = value << 32 | number
    content[size : size + end - start] = text[start:end]
    starts[number + 1] = size + end - start
    counts[KEYS] += 1
    counts[KEY_BYTES] = size + end - start
    return number


@compiled
def _enter(content, ends, first, table, counts):
    """Enter the keys: the `first` ones with one seed, the others with another.

    With different seeds no key has the same hash: the two kinds are never taken for one another.
    """
    for key in range(len(ends) - 1):
        _key_of(content, ends[key], ends[key + 1], _SEED if key < first else _SEED_OF_REST, table, counts)


@compiled
def _add_pieces(word, size, hashes, pieces, tokens, count):
    """Append the pieces of a word of ASCII characters, the longest first, and return the count of tokens.

    hashes[i] is the hash of the first i + 1 characters.
    """
    slots, starts, content = pieces.table
    before = count
    start = 0
    while start < size:
        end = min(size, start + pieces.longest)
        if start:
            value = _SEED_OF_REST
            for at in range(start, end):
                value = ((value ^ word[at]) * 16777619) & 0x7FFFFFFF
                hashes[at] = value
        key = np.int64(-1)
        while end > start:
            key = _find(word, start, end, hashes[end - 1], slots, starts, content)
            if key >= 0:
                break
            end -= 1
        if key < 0:
            tokens[before] = pieces.unknown
            return before + 1
        tokens[count] = pieces.ids[key]
        count += 1
        start = end
    return count


@compiled
def _is_ascii_punctuation(byte):
    return 33 <= byte < 48 or 58 <= byte < 65 or 91 <= byte < 97 or 123 <= byte < 127


@compiled
def _add_ascii(text, start, end, lower_case, pieces, word, hashes, tokens, count):
    """Append the tokens of text[start:end], which is ASCII and has no space."""
    size, value = 0, _SEED
    for at in range(start, end + 1):
        byte = text[at] if at < end else np.uint8(33)
        if byte < 32 or byte == 127:
            continue  # control characters join what stands around them
        if _is_ascii_punctuation(byte):
            if size > _LONGEST:
                tokens[count] = pieces.unknown
                count += 1
            elif size:
                count = _add_pieces(word, size, hashes, pieces, tokens, count)
            size, value = 0, _SEED
            if at < end:
                tokens[count] = pieces.characters[byte]
                count += 1
            continue
        if size < _LONGEST:
            word[size] = byte + 32 if lower_case and 65 <= byte <= 90 else byte
            value = ((value ^ word[size]) * 16777619) & 0x7FFFFFFF
            hashes[size] = value
        size += 1
    return count


@compiled
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


@compiled
def _class_of(point, classes):
    if point < 0x10000:
        return classes[point]
    ideograph = 0x20000 <= point <= 0x2A6DF or 0x2A700 <= point <= 0x2CEAF or 0x2F800 <= point <= 0x2FA1F
    return np.uint8(ALONE if ideograph else IN_WORD)


@compiled
def _add_run(text, start, end, is_ascii, lower_case, pieces, word, hashes, scanned, count):
    """Append the tokens of a piece of text between two cuts; -1 where the table of keys is full."""
    if is_ascii:
        return _add_ascii(text, start, end, lower_case, pieces, word, hashes, scanned.tokens, count)
    key = _key_of(text, start, end, _SEED, scanned.keys, scanned.counts)
    if key < 0:
        return np.int64(-1)
    scanned.tokens[count] = -1 - key
    return count + 1


@compiled
def scan(text, classes, lower_case, pieces, scanned):
    """Scan lines from counts[POSITION] on; stops before a line for which the table of keys has no room."""
    counts = scanned.counts
    word, hashes = np.empty(_LONGEST, np.uint8), np.empty(_LONGEST, np.int64)
    at = counts[POSITION]
    while at < len(text):
        count = counts[TOKENS]
        run, is_ascii, is_blank = at, True, True
        while True:
            point, size = _point_at(text, at)
            kind = _class_of(point, classes)
            if kind in (SPACE, ALONE):
                if run < at:
                    count = _add_run(
                        text, run, at, is_ascii, lower_case, pieces, word, hashes, scanned, count
                    )
                if kind == ALONE and count >= 0:
                    is_blank = False
                    count = _add_run(
                        text, at, at + size, size == 1, lower_case, pieces, word, hashes, scanned, count
                    )
                if count < 0:
                    return
                run, is_ascii = at + size, True
            else:
                is_ascii = is_ascii and size == 1
                is_blank = is_blank and kind == STRIPPED
            at += size
            if point == 10:
                break
        line = counts[LINES]
        scanned.line_ends[line] = count
        scanned.line_is_blank[line] = is_blank
        counts[LINES] += 1
        counts[TOKENS] = count
        counts[POSITION] = at
