"""Python's `random.Random`, draw for draw, in compiled code: MT19937 (Matsumoto, Nishimura 1998).

Words are worked out 624 at a time, which the compiler does several at once. With Numba uint64 and int64
together make a float: what is computed with is int64.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from tinybert.text.compiled import compiled, compiled_part

_WORDS = 624


class Twister(NamedTuple):
    """A generator, which the functions below change."""

    words: np.ndarray  # its state: 624 of 32 bits
    drawn: np.ndarray  # what it gives for them
    at: np.ndarray  # which of them is next


def twister_of(rng: random.Random) -> Twister:
    """A generator that goes on as `rng` would."""
    *words, at = rng.getstate()[1]
    twister = Twister(np.array(words, np.uint32), np.empty(_WORDS, np.uint32), np.array([at]))
    _temper(twister.words, twister.drawn)
    return twister


@compiled_part
def _twisted(word, following):
    """What a word becomes, but for the one that it is mixed with."""
    mixed = (word & 0x80000000) | (following & 0x7FFFFFFF)
    return (mixed >> 1) ^ ((mixed & 1) * 0x9908B0DF)


@compiled_part
def _refill(words, drawn):
    for at in range(227):
        words[at] = words[at + 397] ^ _twisted(words[at], words[at + 1])
    for at in range(396):
        words[at + 227] = words[at] ^ _twisted(words[at + 227], words[at + 228])
    words[623] = words[396] ^ _twisted(words[623], words[0])
    _temper(words, drawn)


@compiled
def _temper(words, drawn):
    for at in range(624):
        word = words[at]
        word ^= word >> 11
        word ^= (word << 7) & 0x9D2C5680
        word ^= (word << 15) & 0xEFC60000
        drawn[at] = word ^ (word >> 18)


@compiled
def draw(twister):
    """32 random bits."""
    at = twister.at[0]
    if at == 624:
        _refill(twister.words, twister.drawn)
        at = 0
    twister.at[0] = at + 1
    return np.int64(twister.drawn[at])


@compiled
def uniform(twister):
    """`random()`: 53 random bits, from 0 to below 1."""
    high = draw(twister) >> 5
    return (high * 67108864.0 + (draw(twister) >> 6)) / 9007199254740992.0


@compiled
def below(twister, count):
    """`randrange(count)`, for counts below 2**32: as many bits as `count` has, until they are below it."""
    bits = 0
    while count >> bits:
        bits += 1
    value = draw(twister) >> (32 - bits)
    while value >= count:
        value = draw(twister) >> (32 - bits)
    return value


@compiled
def shuffle(twister, items, count):
    """`shuffle(items[:count])`."""
    drawn, at = twister.drawn, twister.at[0]
    last = count - 1
    shift = 32
    while (last + 1) >> (32 - shift):
        shift -= 1
    while last > 0:
        least = max(1, (1 << (31 - shift)) - 1)
        while last >= least:  # without a branch that depends on what is drawn
            if at == 624:
                _refill(twister.words, drawn)
                at = 0
            value = np.int64(drawn[at]) >> shift
            at += 1
            other = min(value, last)
            items[last], items[other] = items[other], items[last]
            last -= value <= last
        shift += 1
    twister.at[0] = at
