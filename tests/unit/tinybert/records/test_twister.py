from __future__ import annotations

import random

import numpy as np
import pytest
from tinybert.records.twister import below, draw, shuffle, twister_of, uniform

pytestmark = pytest.mark.usefixtures("kernels")


def state_of(twister):
    return (*twister.words.tolist(), int(twister.at[0]))


def test_draws_are_those_of_python():
    rng, twister = random.Random(12345), twister_of(random.Random(12345))
    assert [draw(twister) for _ in range(2000)] == [rng.getrandbits(32) for _ in range(2000)]
    assert [uniform(twister) for _ in range(2000)] == [rng.random() for _ in range(2000)]
    assert state_of(twister) == rng.getstate()[1]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 9, 255, 256, 65_537, 2**31, 2**32 - 1])
def test_numbers_below_are_those_of_randrange(count):
    rng, twister = random.Random(count), twister_of(random.Random(count))
    assert [below(twister, count) for _ in range(700)] == [rng.randrange(count) for _ in range(700)]
    assert state_of(twister) == rng.getstate()[1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 9, 1000])
def test_shuffle_is_that_of_python(count):
    rng, twister = random.Random(7), twister_of(random.Random(7))
    items, numbers = list(range(count)), np.arange(count + 1)
    rng.shuffle(items)
    shuffle(twister, numbers, count)
    assert numbers.tolist() == [*items, count]
    assert state_of(twister) == rng.getstate()[1]
