"""Is an exported model the one that was trained? Both are given the same inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinybert.delivery.description import Description
from tinybert.delivery.exported import Shape
from tinybert.delivery.runners import Batch, Runner
from tinybert.stages.stage import StageError

_SEED = 20190923
_SHORT, _FEW_ROWS = 9, 3


def sample_batches(description: Description, shape: Shape) -> list[Batch]:
    """Two batches that a graph takes, always the same: ids of any token, two segments, ends padded.

    Where the graph takes any shape: of two shapes, one of them as long as the longest text.
    """
    rng = np.random.default_rng(_SEED)
    longest = shape.length or description.max_seq_length
    sizes = [(shape.batch or _FEW_ROWS, longest), (shape.batch or 1, shape.length or min(_SHORT, longest))]
    return [_batch(rng, description, *size) for size in sizes]


def compare(
    expected: Sequence[Sequence[np.ndarray]], found: Sequence[Sequence[np.ndarray]], names: Sequence[str]
) -> float:
    """The largest difference between outputs [batch][output], in parts of the largest value of that output.

    An output below 1 counts as 1. Raises StageError where a shape differs or a value is no number.
    """
    return max(
        _difference(name, batch, left, right)
        for batch, (lefts, rights) in enumerate(zip(expected, found), 1)
        for name, left, right in zip(names, lefts, rights)
    )


def require_equal(
    batches: Sequence[Batch],
    expected: Sequence[Sequence[np.ndarray]],
    runner: Runner,
    names: Sequence[str],
    tolerance: float,
) -> float:
    """The difference between what `runner` makes of the batches and what is expected.

    Raises StageError, with the difference, where it is above the tolerance.
    """
    difference = compare(expected, [runner(batch) for batch in batches], names)
    if difference > tolerance:
        raise StageError(
            f"the exported model differs from the checkpoint: {' and '.join(names)} by up to "
            f"{difference:.3g} of the largest value, where {tolerance:g} is allowed; nothing is written"
        )
    return difference


def _batch(rng: np.random.Generator, description: Description, rows: int, length: int) -> Batch:
    places = np.arange(length)[None]
    real = rng.integers(min(3, length), length + 1, (rows, 1))
    real[0] = length
    first = rng.integers(1, real)
    ids = rng.integers(0, description.model.vocab_size, (rows, length))
    segments = (places >= first) & (description.model.type_vocab_size > 1)
    mask = places < real
    return [column.astype(np.int32) for column in (ids * mask, segments & mask, mask)]


def _difference(name: str, batch: int, expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape:
        raise StageError(
            f"the exported model's {name} of batch {batch} is {list(found.shape)}, "
            f"the checkpoint's {list(expected.shape)}; nothing is written"
        )
    if not np.isfinite(expected).all() or not np.isfinite(found).all():
        whose = "exported model" if np.isfinite(expected).all() else "checkpoint"
        raise StageError(f"the {whose}'s {name} of batch {batch} holds NaN or infinity; nothing is written")
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(expected.astype(np.float64) - found).max()) / scale
