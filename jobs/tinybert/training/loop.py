"""The one training loop of all stages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

import numpy as np

from tinybert.stages.metrics import MetricsLog
from tinybert.training.plan import StepPlan

if TYPE_CHECKING:
    from tinybert.training.step import TrainStep

Batches = Iterator[tuple[np.ndarray, ...]]


class NonFiniteError(RuntimeError):
    """Loss or gradients were NaN or infinite; every rank raises it at the same step."""


def train(
    step: TrainStep,
    batches: Batches,
    plan: StepPlan,
    start_step: int,
    metrics: MetricsLog,
    save: Callable[[int], None],
    sink_columns: tuple[str, ...] | None,
) -> None:
    """Train from `start_step` (steps done so far) to the end of the plan.

    `save(done)` is called every `checkpoint_every` steps, never after a step that was not finite.
    `sink_columns` names the columns of a batch where the data sink of Ascend is to be used (CPU has none).
    Raises NonFiniteError.
    """
    done = start_step
    if sink_columns is None:
        results = _steps(step, batches, plan, start_step)
    else:
        results = _sunk_steps(step, batches, plan, start_step, sink_columns)
    for done, values, finite in results:
        _stop_unless_finite(step, done, values, finite)
        if done % plan.log_every == 0 or done in (start_step + 1, plan.total_steps):
            metrics.log(done, dict(zip(step.names, values.tolist())))
        if done % plan.checkpoint_every == 0 and done < plan.total_steps:
            save(done)
    if done != plan.total_steps:
        raise RuntimeError(f"trained {done} steps instead of {plan.total_steps}")


def _steps(
    step: TrainStep, batches: Batches, plan: StepPlan, start: int
) -> Iterator[tuple[int, np.ndarray, bool]]:
    from mindspore import Tensor

    for done in range(start + 1, plan.total_steps + 1):
        values, finite = step(*(Tensor(array) for array in next(batches)))
        yield done, values.asnumpy(), bool(finite)


def _sunk_steps(
    step: TrainStep, batches: Batches, plan: StepPlan, start: int, columns: tuple[str, ...]
) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Several steps a call, fed through the device's queue; so many that logs, checkpoints and the end fit.

    Feed and step are one graph whose operators are fused by graph kernels: O1 of mindspore.JitConfig, which
    older releases call enable_graph_kernel. Written after MindSpore's documents; has not been run on an NPU.
    """
    import mindspore as ms
    from mindspore.dataset import GeneratorDataset

    at_once = math.gcd(plan.total_steps - start, plan.log_every, plan.checkpoint_every)
    dataset = GeneratorDataset(lambda: batches, list(columns), shuffle=False)
    call = ms.data_sink(step, dataset, sink_size=at_once, jit_config=ms.JitConfig(jit_level="O1"))
    for done in range(start + at_once, plan.total_steps + 1, at_once):
        values, finite = call()
        yield done, values.asnumpy(), bool(finite)


def _stop_unless_finite(step: TrainStep, done: int, values: np.ndarray, finite: bool) -> None:
    """In float16 overflow is ordinary above loss scale 1: the step was skipped and the scale halved."""
    if finite or (step.loss_scaler is not None and step.loss_scaler.scale_value > 1):
        return
    raise NonFiniteError(
        f"step {done}: loss {values[0]} or its gradients are not finite; nothing of this step was saved. "
        "Lower --learning-rate, or look at the data of this step; --resume goes on from the last checkpoint"
    )
