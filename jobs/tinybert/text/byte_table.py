"""A hash table of byte strings in compiled code: each gets a number, in the order of their arrival."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinybert.text.compiled import compiled, compiled_part

EMPTY_HASH = 2166136261  # of no bytes (FNV-1a); any other number of 31 bits makes keys of another kind
KEYS, BYTES = range(2)
"""What `Table.counts` counts."""


class Table(NamedTuple):
    """Open addressing; a slot is -1 or 31 bits of hash << 32 | number of the key."""

    slots: np.ndarray
    starts: np.ndarray  # of each key in `content`
    content: np.ndarray
    counts: np.ndarray


def new_table(keys: int, size: int) -> Table:
    """An empty table for so many keys of `size` bytes together."""
    slots = np.full(1 << (2 * keys).bit_length(), -1, np.int64)
    return Table(slots, np.zeros(keys + 1, np.int64), np.zeros(size, np.uint8), np.zeros(2, np.int64))


def enter_all(table: Table, keys: list[bytes], empty_hash: int = EMPTY_HASH) -> None:
    """Enter keys, none of which is there."""
    content = np.frombuffer(b"".join(keys) + b"\0", np.uint8)
    _enter_all(content, np.cumsum([0, *map(len, keys)], dtype=np.int64), empty_hash, table)


@compiled
def _enter_all(content, ends, empty_hash, table):
    for key in range(len(ends) - 1):
        start, end = ends[key], ends[key + 1]
        value = empty_hash
        for at in range(start, end):
            value = hashed(value, content[at])
        number_of(content, start, end, value, table)


@compiled_part
def hashed(value, byte):
    """The hash of a string with one more byte."""
    return ((value ^ byte) * 16777619) & 0x7FFFFFFF


@compiled_part
def find(text, start, end, value, table):
    """The number of the key text[start:end], which has this hash, or -1 - (slot to put it in)."""
    slots, starts, content = table.slots, table.starts, table.content
    mask = len(slots) - 1
    slot = (value ^ (value >> 15)) & mask
    while slots[slot] >= 0:
        if slots[slot] >> 32 == value:
            key = slots[slot] & 0xFFFFFFFF
            begin = starts[key]
            if starts[key + 1] - begin == end - start:
                offset = 0
                while offset < end - start and content[begin + offset] == text[start + offset]:
                    offset += 1
                if offset == end - start:
                    return key
        slot = (slot + 1) & mask
    return -1 - slot


@compiled_part
def number_of(text, start, end, value, table):
    """The number of a key with this hash, entered if it is new; -1 where the table is full."""
    key = find(text, start, end, value, table)
    return key if key >= 0 else _entered(text, start, end, value, table, -1 - key)


@compiled_part
def _entered(text, start, end, value, table, slot):
    number, size = table.counts[KEYS], table.counts[BYTES]
    if number == len(table.starts) - 1 or size + end - start > len(table.content):
        return np.int64(-1)
    table.slots[slot] = value << 32 | number
    for offset in range(end - start):
        table.content[size + offset] = text[start + offset]
    table.starts[number + 1] = size + end - start
    table.counts[KEYS] += 1
    table.counts[BYTES] = size + end - start
    return number
