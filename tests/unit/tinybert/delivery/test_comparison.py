from __future__ import annotations

import numpy as np
import pytest
from tinybert.delivery.comparison import compare, require_equal, sample_batches
from tinybert.delivery.description import Description
from tinybert.delivery.exported import Shape
from tinybert.stages.stage import StageError

from tests.unit.tinybert.small_models import SIZE, SST2

DESCRIPTION = Description(SIZE, SST2, 12, True)


def outputs(*values):
    return [[np.array(values, np.float32)]]


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [(Shape(), [(3, 12), (1, 9)]), (Shape(1, 5), [(1, 5), (1, 5)]), (Shape(4, 12), [(4, 12), (4, 12)])],
)
def test_samples_are_inputs_as_texts_give_them(shape, sizes):
    batches = sample_batches(DESCRIPTION, shape)
    assert [batch[0].shape for batch in batches] == sizes
    for ids, segments, mask in batches:
        assert {array.dtype for array in (ids, segments, mask)} == {np.dtype(np.int32)}
        assert ids.min() >= 0
        assert ids.max() < SIZE.vocab_size
        assert (np.diff(mask, axis=1) <= 0).all()  # padding at the end
        assert mask[0].all()
        assert not ids[mask == 0].any()
        assert set(np.unique(segments[mask == 1])) == {0, 1}
    again = sample_batches(DESCRIPTION, shape)
    assert all(
        (a == b).all()
        for one, other in zip(batches, again, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_some_rows_are_padded():
    assert not sample_batches(DESCRIPTION, Shape())[0][2].all()


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        (outputs(0.5, 1), outputs(0.5, 1), 0),
        (outputs(0, 0.5), outputs(0.25, 0.5), 0.25),
        (outputs(8), outputs(6), 0.25),
    ],
)
def test_difference(expected, found, difference):
    assert compare(expected, found, ["logits"]) == difference


def test_largest_difference_of_all_batches_and_outputs():
    expected = [[np.zeros(2), np.zeros(3)], [np.zeros(2), np.zeros(3)]]
    found = [[np.zeros(2), np.full(3, -0.5)], [np.full(2, 0.75), np.zeros(3)]]
    assert compare(expected, found, ["hidden", "pooled"]) == 0.75


@pytest.mark.parametrize(
    ("expected", "found", "message"),
    [
        (outputs(1, 2), outputs(1), r"exported model's logits of batch 1 is \[1\], the checkpoint's \[2\]"),
        (outputs(1, 2), outputs(1, np.nan), "the exported model's logits of batch 1 holds NaN"),
        (outputs(np.inf), outputs(np.inf), "the checkpoint's logits of batch 1 holds NaN or infinity"),
    ],
)
def test_what_cannot_be_compared(expected, found, message):
    with pytest.raises(StageError, match=message):
        compare(expected, found, ["logits"])


def test_above_the_tolerance():
    (expected,) = outputs(0.5)
    assert require_equal([[]], [expected], lambda batch: expected, ["logits"], 0) == 0
    with pytest.raises(StageError, match=r"by up to 0\.5 of the largest value, where 0\.25 is allowed"):
        require_equal([[]], [expected], lambda batch: [np.ones(1)], ["logits"], 0.25)
