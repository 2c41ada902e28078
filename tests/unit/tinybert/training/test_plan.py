from __future__ import annotations

import pytest
from tinybert.stages.stage import StageError
from tinybert.training.plan import plan_steps


def test_steps_follow_from_epochs_of_the_data() -> None:
    assert (
        plan_steps(steps_per_epoch=7, epochs=3, steps=None, log_every=10, checkpoint_every=5).total_steps
        == 21
    )


def test_steps_win_over_epochs() -> None:
    assert plan_steps(steps_per_epoch=7, epochs=3, steps=5, log_every=10, checkpoint_every=5).total_steps == 5


def test_no_steps_are_refused() -> None:
    with pytest.raises(StageError, match="0 steps"):
        plan_steps(steps_per_epoch=7, epochs=0, steps=None, log_every=10, checkpoint_every=5)
