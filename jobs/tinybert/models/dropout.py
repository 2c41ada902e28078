"""Dropout whose masks are a function of seed, rank, place in the network and step, and of nothing else.

nn.Dropout draws from a generator inside its compiled kernel, whose state no checkpoint holds: a resumed
training would not equal an unbroken one. Here the bits are a hash of a counter (multiply and xorshift, as in
the finaliser of MurmurHash3), in int32 operators that CPU and Ascend have.
"""

from __future__ import annotations

import zlib

import mindspore as ms
from mindspore import nn, ops


def _signed(number: int) -> int:
    """The int32 with the bits of a number below 2**32."""
    return number - (number >> 31 << 32)


_COUNTER, _STEP, _MIX = map(_signed, (0x9E3779B1, 0x27D4EB2F, 0x7FEB352D))
# A hash gives a number by each of these: multiplying is cheaper than hashing four times as many counters.
_LANES = tuple(map(_signed, (0x846CA68B, 0xC2B2AE35, 0x85EBCA77, 0x165667B1)))


class Dropout(nn.Cell):
    """Zeroes elements with `probability` and divides the others by 1 - `probability`, in training only.

    `construct` takes a tensor of any shape and `step`, int32 [1]; where nothing is dropped it may be None.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability
        self.scale = 1.0 / (1.0 - probability)
        # Of signed 32-bit numbers, those below are dropped.
        self.threshold = round(probability * 2**32) - 2**31
        self.key = 0

    def construct(self, states, step=None):
        if self.probability == 0 or not self.training:
            return states
        kept = random_bits(states.size, step, self.key) >= self.threshold
        return states * (kept.astype(states.dtype) * self.scale).reshape(states.shape)


def seed_dropout(network: nn.Cell, seed: int, rank: int) -> None:
    """Give each Dropout of a network a key of its own, on each rank other ones."""
    places = [cell for _, cell in network.cells_and_names() if isinstance(cell, Dropout)]
    for place, cell in enumerate(places):
        cell.key = _signed(zlib.crc32(f"{seed}/{rank}/{place}".encode()))


def random_bits(count, step, key):
    """`count` uniform 32-bit numbers as int32, from `step` (int32 [1]) and `key` (an int)."""
    counters = ops.arange((count + len(_LANES) - 1) // len(_LANES)).astype(ms.int32)
    hashed = counters * _COUNTER + (step * _STEP + key)
    hashed = _xor_shift(hashed, 16, 0xFFFF) * _MIX
    hashed = _xor_shift(hashed, 15, 0x1FFFF)
    lanes = ()
    for lane in _LANES:
        lanes += (hashed * lane,)
    bits = ops.concat(lanes)
    return bits if count % len(_LANES) == 0 else bits[:count]


def _xor_shift(numbers, shift, mask):
    """numbers ^ (numbers >> shift); the mask takes the copies of the sign away."""
    return ops.bitwise_xor(numbers, ops.bitwise_and(ops.bitwise_right_shift(numbers, shift), mask))
