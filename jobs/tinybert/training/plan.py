"""How many steps a training takes; "epoch" always means once through the data."""

from __future__ import annotations

from dataclasses import dataclass

from tinybert.stages.stage import StageError


@dataclass(frozen=True)
class StepPlan:
    """Steps to train, all counted in optimiser steps."""

    total_steps: int
    steps_per_epoch: int
    log_every: int
    checkpoint_every: int


def plan_steps(
    steps_per_epoch: int, epochs: int, steps: int | None, log_every: int, checkpoint_every: int
) -> StepPlan:
    """The plan for `steps`, or for whole epochs of the data where `steps` is None."""
    total = steps if steps is not None else epochs * steps_per_epoch
    if total < 1:
        raise StageError(f"{total} steps to train: give --steps or --epochs of 1 or more")
    return StepPlan(total, steps_per_epoch, log_every, checkpoint_every)
