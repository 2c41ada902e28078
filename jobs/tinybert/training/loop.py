"""The one training loop of all stages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Callable

import numpy as np

from tinybert.stages.metrics import MetricsLog
from tinybert.training.plan import StepPlan

if TYPE_CHECKING:
    from tinybert.training.step import TrainStep

Batches = Iterator[tuple[np.ndarray, ...]]
Feed = Callable[[int], Batches]


class NonFiniteError(RuntimeError):
    """Loss or gradients were NaN or infinite; every rank raises it at the same step."""


def train(
    step: TrainStep,
    feed: Feed,
    plan: StepPlan,
    start_step: int,
    metrics: MetricsLog,
    save: Callable[[int], None],
    sink_columns: tuple[str, ...] | None,
) -> None:
    """Train from `start_step` (steps done so far) to the end of the plan.

    `feed(done)` gives the batches after `done` steps, without end.
    `save(done)` is called every `checkpoint_every` steps, never after a step that was not finite.
    `sink_columns` names the columns of a batch where the data sink of Ascend is to be used (CPU has none).
    Raises NonFiniteError.
    """
    done = start_step
    if sink_columns is None:
        results = _steps(step, feed, plan, start_step)
    else:
        results = _sunk_steps(step, feed, plan, start_step, sink_columns)
    for done, values, finite in results:
        _stop_unless_finite(step, done, values, finite)
        if done % plan.log_every == 0 or done in (start_step + 1, plan.total_steps):
            metrics.log(done, dict(zip(step.names, values.tolist())))
        if done % plan.checkpoint_every == 0 and done < plan.total_steps:
            save(done)
    if done != plan.total_steps:
        raise RuntimeError(f"trained {done} steps instead of {plan.total_steps}")


def _steps(step: TrainStep, feed: Feed, plan: StepPlan, start: int) -> Iterator[tuple[int, np.ndarray, bool]]:
    from mindspore import Tensor

    for done, batch in zip(range(start + 1, plan.total_steps + 1), feed(start)):
        values, finite = step(*(Tensor(array) for array in batch))
        yield done, values.asnumpy(), bool(finite)


class _BatchesLeft:
    """Batches of the steps after `start`, from the first one whenever they are asked for.

    MindSpore reads some to learn their shapes, and asks how many there are: it would count those of an
    iterator without end, and what it has read of one would be lost.
    """

    def __init__(self, feed: Feed, start: int, total: int):
        self._feed = feed
        self._start = start
        self._total = total

    def __iter__(self) -> Batches:
        return islice(self._feed(self._start), len(self))

    def __len__(self) -> int:
        return self._total - self._start


def _sunk_steps(
    step: TrainStep, feed: Feed, plan: StepPlan, start: int, columns: tuple[str, ...]
) -> Iterator[tuple[int, np.ndarray, bool]]:
    """A step a call, fed through the device's queue; waits for a result, and yields it, where one is due.

    At O1 a call of `sink_size` steps is as many calls of one graph, so that larger ones save nothing, but
    must fit logs, checkpoints and the end. O1 of mindspore.JitConfig fuses the operators of feed and step
    by graph kernels; older releases call it enable_graph_kernel. Written after MindSpore's documents and
    source; has not been run on an NPU.
    """
    import mindspore as ms
    from mindspore.dataset import GeneratorDataset

    total = plan.total_steps
    dataset = GeneratorDataset(_BatchesLeft(feed, start, total), list(columns), shuffle=False)
    call = ms.data_sink(step, dataset, sink_size=1, jit_config=ms.JitConfig(jit_level="O1"))
    for done in range(start + 1, total + 1):
        values, finite = call()
        if done % plan.log_every == 0 or done % plan.checkpoint_every == 0 or done == total:
            yield done, values.asnumpy(), bool(finite)


def _stop_unless_finite(step: TrainStep, done: int, values: np.ndarray, finite: bool) -> None:
    """In float16 overflow is ordinary above loss scale 1: the step was skipped and the scale halved."""
    if finite or (step.loss_scaler is not None and step.loss_scaler.scale_value > 1):
        return
    raise NonFiniteError(
        f"step {done}: loss {values[0]} or its gradients are not finite; nothing of this step was saved. "
        "Lower --learning-rate, or look at the data of this step; --resume goes on from the last checkpoint"
    )
