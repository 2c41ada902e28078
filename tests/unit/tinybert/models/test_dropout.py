from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.mindspore


def _numpy_bits(count: int, step: int, key: int) -> np.ndarray:
    """The hash in NumPy's uint32, whose shifts need no mask."""
    counters = np.arange(-(-count // 4), dtype=np.uint32)
    hashed = counters * np.uint32(0x9E3779B1) + np.uint32((step * 0x27D4EB2F + key) % 2**32)
    hashed = (hashed ^ hashed >> np.uint32(16)) * np.uint32(0x7FEB352D)
    hashed = hashed ^ hashed >> np.uint32(15)
    lanes = [hashed * np.uint32(lane) for lane in (0x846CA68B, 0xC2B2AE35, 0x85EBCA77, 0x165667B1)]
    return np.concatenate(lanes)[:count].view(np.int32)


def _step(number: int) -> object:
    from mindspore import Tensor, int32

    return Tensor([number], int32)


@pytest.mark.parametrize(("count", "step", "key"), [(8, 0, 0), (4099, 7, -12345), (1, 2**31 - 1, 2**31 - 1)])
def test_bits_are_those_of_the_hash(count: int, step: int, key: int) -> None:
    from tinybert.models.dropout import random_bits

    np.testing.assert_array_equal(
        random_bits(count, _step(step), key).asnumpy(), _numpy_bits(count, step, key)
    )


def test_bits_look_random() -> None:
    """Shares of dropped elements, alone and in pairs, at distances, steps and keys next to each other.

    Each is a count of about 2^18 with known deviation; six of those are allowed.
    """
    count, share = 1 << 18, 0.1
    spread = share * (1 - share)

    def dropped(step: int, key: int) -> np.ndarray:
        return (_numpy_bits(count, step, key) < share * 2**32 - 2**31) - share

    for step, key in ((0, 0), (1, 99), (40000, -7)):
        first = dropped(step, key)
        pairs = [first[:-lag] * first[lag:] for lag in (1, 2, 3, 4, 64, 768, 4096, count // 4, count // 2)]
        pairs += [first * dropped(step + 1, key), first * dropped(step, key + 1)]
        pairs += [first[:-1] * dropped(step + 1, key)[1:]]
        assert abs(first.mean()) < 6 * (spread / count) ** 0.5
        for pair in pairs:
            assert abs(pair.mean()) < 6 * spread / len(pair) ** 0.5


def test_some_are_dropped_and_the_others_scaled_up() -> None:
    from mindspore import Tensor
    from tinybert.models.dropout import Dropout

    ones = Tensor(np.ones((50, 401), np.float32))
    out = Dropout(0.25).set_train()(ones, _step(3)).asnumpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert (out == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_nothing_is_dropped_in_evaluation_or_with_probability_0() -> None:
    from mindspore import Tensor
    from tinybert.models.dropout import Dropout

    ones = Tensor(np.ones((5, 4), np.float32))
    for cell in (Dropout(0.5).set_train(False), Dropout(0.0).set_train()):
        np.testing.assert_array_equal(cell(ones).asnumpy(), ones.asnumpy())


def test_keys_differ_by_seed_rank_and_place_and_come_again() -> None:
    from mindspore import nn
    from tinybert.models.dropout import Dropout, seed_dropout

    keys = {}
    for seed, rank in ((1, 0), (1, 1), (2, 0), (1, 0)):
        network = nn.SequentialCell([Dropout(0.1), Dropout(0.1)])
        seed_dropout(network, seed, rank)
        found = tuple(cell.key for cell in network)
        assert keys.setdefault((seed, rank), found) == found
    assert len({key for pair in keys.values() for key in pair}) == 6
