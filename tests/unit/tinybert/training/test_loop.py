"""The data sink of Ascend, by a stand-in for CPU that asks a data set what MindSpore's own asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinybert.stages.metrics import MetricsLog
from tinybert.training.loop import train
from tinybert.training.plan import StepPlan

pytestmark = pytest.mark.mindspore
COLUMNS = ("input_ids", "weights")


def _feed(done: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches that hold the number of their step."""
    return ((np.full((2, 3), step, np.int32), np.full((2, 1), 0.5, np.float32)) for step in count(done + 1))


class _Step:
    """Keeps the numbers of its batches, and counts how often a result is waited for."""

    names = ("loss",)
    loss_scaler = None

    def __init__(self) -> None:
        self.trained: list[int] = []
        self.waited = 0

    def __call__(self, ids: Any, weights: Any) -> tuple[_Step, bool]:
        self.trained.append(int(ids.asnumpy()[0, 0]))
        return self, True

    def asnumpy(self) -> np.ndarray:
        self.waited += 1
        return np.array([1.0], np.float32)


def _sink(step: Callable[..., Any], dataset: Any, sink_size: int, jit_config: object) -> Callable[[], Any]:
    """As mindspore.data_sink at O1: types, shapes and size are asked for, then rows are taken."""
    from mindspore.train._utils import _get_types_and_shapes

    _, shapes = _get_types_and_shapes(dataset)
    assert shapes == [[2, 3], [2, 1]]
    assert dataset.get_dataset_size() > 0
    rows = dataset.create_tuple_iterator(num_epochs=1)

    def call() -> Any:
        results = [step(*row) for row in islice(rows, sink_size)]
        assert len(results) == sink_size
        return results[-1]

    return call


@pytest.mark.parametrize(
    ("start", "total", "waited"), [(0, 350, 4), (0, 401, 5), (120, 250, 2), (200, 201, 1), (60, 100, 1)]
)
def test_the_sink_is_waited_for_only_where_something_is_due(
    start: int, total: int, waited: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mindspore

    step, saved = _Step(), []
    plan = StepPlan(total, steps_per_epoch=50, log_every=100, checkpoint_every=200)
    monkeypatch.setattr(mindspore, "data_sink", _sink)
    train(step, _feed, plan, start, MetricsLog(tmp_path, plan, 2, start), saved.append, COLUMNS)
    assert step.trained == list(range(start + 1, total + 1))
    assert saved == [at for at in (200, 400) if start < at < total]
    assert step.waited == waited
