"""Python's `random.Random`, draw for draw, in compiled code: MT19937 (Matsumoto, Nishimura 1998).

The state is 624 words of 32 bits and the index of the next one. Everything is int64: with Numba, uint64 and
int64 together make a float.
"""

from __future__ import annotations

import random

import numpy as np

from tinybert.compiled import compiled


def state_of(rng: random.Random) -> np.ndarray:
    """The state of `rng`, for the functions below, which change it."""
    return np.array(rng.getstate()[1], dtype=np.int64)


@compiled
def _refill(state):
    for at in range(624):
        word = (state[at] & 0x80000000) | (state[(at + 1) % 624] & 0x7FFFFFFF)
        state[at] = state[(at + 397) % 624] ^ (word >> 1) ^ ((word & 1) * 0x9908B0DF)
    state[624] = 0


@compiled
def draw(state):
    """32 random bits."""
    if state[624] >= 624:
        _refill(state)
    word = state[state[624]]
    state[624] += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C5680
    word ^= (word << 15) & 0xEFC60000
    return word ^ (word >> 18)


@compiled
def uniform(state):
    """`random()`: 53 random bits, from 0 to below 1."""
    high = draw(state) >> 5
    return (high * 67108864.0 + (draw(state) >> 6)) / 9007199254740992.0


@compiled
def below(state, count):
    """`randrange(count)`, for counts below 2**32: as many bits as `count` has, until they are below it."""
    bits = 0
    while count >> bits:
        bits += 1
    value = draw(state) >> (32 - bits)
    while value >= count:
        value = draw(state) >> (32 - bits)
    return value


@compiled
def shuffle(state, items, count):
    """`shuffle(items[:count])`."""
    bits = 0
    while count >> bits:
        bits += 1
    for last in range(count - 1, 0, -1):
        if (last + 1) >> (bits - 1) == 0:
            bits -= 1
        other = draw(state) >> (32 - bits)
        while other > last:
            other = draw(state) >> (32 - bits)
        items[last], items[other] = items[other], items[last]
