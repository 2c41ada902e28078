from __future__ import annotations

import random

import numpy as np
import pytest
from tinybert.twister import below, draw, shuffle, state_of, uniform


def test_draws_are_those_of_python():
    rng, state = random.Random(12345), state_of(random.Random(12345))
    assert [draw(state) for _ in range(2000)] == [rng.getrandbits(32) for _ in range(2000)]
    assert [uniform(state) for _ in range(2000)] == [rng.random() for _ in range(2000)]
    assert tuple(state) == rng.getstate()[1]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9, 255, 256, 65_537, 2**31, 2**32 - 1])
def test_numbers_below_are_those_of_randrange(count):
    rng, state = random.Random(count), state_of(random.Random(count))
    assert [below(state, count) for _ in range(700)] == [rng.randrange(count) for _ in range(700)]
    assert tuple(state) == rng.getstate()[1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 9, 1000])
def test_shuffle_is_that_of_python(count):
    rng, state = random.Random(7), state_of(random.Random(7))
    items, numbers = list(range(count)), np.arange(count + 1)
    rng.shuffle(items)
    shuffle(state, numbers, count)
    assert numbers.tolist() == [*items, count]
    assert tuple(state) == rng.getstate()[1]
