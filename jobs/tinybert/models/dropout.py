"""Dropout whose masks are a function of seed, rank, place in the network and step, and of nothing else.

nn.Dropout draws from a generator inside its compiled kernel, whose state no checkpoint holds: a resumed
training would not equal an unbroken one. Here the bits are a hash of a counter (x ^ C·x², then a xorshift and
a product, as in the finaliser of MurmurHash3), in int32 operators that CPU and Ascend have.
"""

from __future__ import annotations

import zlib

import mindspore as ms
from mindspore import nn, ops


def _signed(number: int) -> int:
    """The int32 with the bits of a number below 2**32."""
    return number - (number >> 31 << 32)


_COUNTER, _STEP = map(_signed, (0x9E3779B1, 0x27D4EB2F))
_SQUARE = 0x2C1B3C6E  # even: then x ^ C·x² is another number for each x
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
        self.key = 0

    def construct(self, states, step=None):
        if self.probability == 0 or not self.training:
            return states
        kept = is_kept(states.size, self.probability, step, self.key).astype(states.dtype) * self.scale
        return states * ops.stop_gradient(kept).reshape(states.shape)


def seed_dropout(network: nn.Cell, seed: int, rank: int) -> None:
    """Give each Dropout of a network a key of its own, on each rank other ones."""
    places = [cell for _, cell in network.cells_and_names() if isinstance(cell, Dropout)]
    for place, cell in enumerate(places):
        cell.key = _signed(zlib.crc32(f"{seed}/{rank}/{place}".encode()))


def is_kept(count, probability, step, key):
    """bool [count], each false with `probability`, from `step` (int32 [1]) and `key` (an int)."""
    counters = ops.arange((count + len(_LANES) - 1) // len(_LANES)).astype(ms.int32)
    hashed = counters * _COUNTER + (step * _STEP + key)
    # Shifts of signed numbers copy the sign; taking the copies away costs more than the bit that they take.
    hashed = ops.bitwise_xor(hashed, hashed * hashed * _SQUARE)
    hashed = ops.bitwise_xor(hashed, ops.bitwise_right_shift(hashed, 15))
    kept = ()
    for lane in _LANES:
        kept += (hashed * lane >= threshold(probability),)
    kept = ops.concat(kept)
    return kept if count % len(_LANES) == 0 else kept[:count]


def threshold(probability):
    """Of signed 32-bit numbers, the share below it is `probability`."""
    return round(probability * 2**32) - 2**31
