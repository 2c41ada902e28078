from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.mindspore


def _numpy_hash(count: int, step: int, key: int) -> np.ndarray:
    """The hash in NumPy: int32 [count]."""
    counters = np.arange(-(-count // 4), dtype=np.uint32)
    hashed = counters * np.uint32(0x9E3779B1) + np.uint32((step * 0x27D4EB2F + key) % 2**32)
    hashed = hashed ^ hashed * hashed * np.uint32(0x2C1B3C6E)
    hashed = hashed ^ (hashed.view(np.int32) >> 15).view(np.uint32)
    lanes = [hashed * np.uint32(lane) for lane in (0x846CA68B, 0xC2B2AE35, 0x85EBCA77, 0x165667B1)]
    return np.concatenate(lanes)[:count].view(np.int32)


def _step(number: int) -> object:
    from mindspore import Tensor, int32

    return Tensor([number], int32)


@pytest.mark.parametrize("probability", [0.1, 0.5])
@pytest.mark.parametrize(("count", "step", "key"), [(8, 0, 0), (4099, 7, -12345), (1, 2**31 - 1, 2**31 - 1)])
def test_the_hash_says_who_is_kept(count: int, step: int, key: int, probability: float) -> None:
    from tinybert.models.dropout import is_kept

    np.testing.assert_array_equal(
        is_kept(count, probability, _step(step), key).asnumpy(),
        _numpy_hash(count, step, key) >= probability * 2**32 - 2**31,
    )


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_bits_look_random(share: float) -> None:
    """Shares of dropped elements, alone, in twos and threes, at distances, steps and keys next to each other.

    Each is a count of about 2^18 with known deviation; six of those are allowed. The spectrum has no line: of
    2^17 exponential values the largest is above 12 + ln 2^17 once in 160,000 times.
    """
    count = 1 << 18
    spread = share * (1 - share)

    def dropped(step: int, key: int) -> np.ndarray:
        return (_numpy_hash(count, step, key) < share * 2**32 - 2**31) - share

    for step, key in ((0, 0), (1, 99), (40000, -7)):
        first = dropped(step, key)
        pairs = [first[:-lag] * first[lag:] for lag in (1, 2, 3, 4, 64, 768, 4096, count // 4, count // 2)]
        pairs += [first * dropped(step + 1, key), first * dropped(step, key + 1)]
        pairs += [first[:-1] * dropped(step + 1, key)[1:]]
        assert abs(first.mean()) < 6 * (spread / count) ** 0.5
        for pair in pairs:
            assert abs(pair.mean()) < 6 * spread / len(pair) ** 0.5
        for lag in (1, 2, 128, 768):
            three = first[: -lag - 1] * first[lag:-1] * first[lag + 1 :]
            assert abs(three.mean()) < 6 * spread**1.5 / len(three) ** 0.5
        power = np.abs(np.fft.rfft(first)[1:-1]) ** 2 / (count * spread)
        assert power.max() < 12 + np.log(len(power))


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
