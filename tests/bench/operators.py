"""What our own operators do for a training step on CPU: layers by parts, and dropout of seed and step.

python -m tests.bench.operators prints Markdown: a fine-tuning step with MindSpore's layers, with ours, then
with dropout, ours and nn.Dropout; they take turns, and the fastest step of each counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs"))

from tinybert.models.config import PROFILES, ModelConfig
from tinybert.stages.rank import Rank, start
from tinybert.tasks.records import CLASSES, Target

CALLS = 15
TARGET = Target("sst2", CLASSES, ("0", "1"))
SHAPES = {
    "`tiny` teacher, 128 x 16": (PROFILES["tiny"].teacher, 128, 16),
    "`tiny` student, 128 x 16": (PROFILES["tiny"].student, 128, 16),
    "`paper` student, 16 x 128": (PROFILES["paper"].student, 16, 128),
}


def main() -> None:
    """Measure and print."""
    start(Rank(), seed=1)
    from tinybert.models import bert

    ours = bert.Dropout
    kinds = {"fused": (0.0, ours), "by parts": (0.0, ours), "ours": (0.1, ours), "native": (0.1, _native())}
    print("| network, rows x tokens | fused layers, ms | by parts | + dropout | + nn.Dropout |")
    print("|---|---|---|---|---|")
    for name, (size, rows, tokens) in SHAPES.items():
        steps = {}
        for kind, (probability, dropout) in kinds.items():
            bert.Dropout = dropout
            steps[kind] = _step(size.with_dropout(probability), rows, tokens, by_parts=kind != "fused")
        print(f"| {name} | {' | '.join(_cells(_fastest(steps)))} |", flush=True)


def _fastest(steps: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds."""
    seconds = dict.fromkeys(steps, float("inf"))
    for _ in range(CALLS):
        for kind, step in steps.items():
            seconds[kind] = min(seconds[kind], _seconds(step))
    return seconds


def _cells(seconds: dict[str, float]) -> list[str]:
    """Milliseconds, and how much more that is than by parts without dropout."""
    base = seconds["by parts"]
    return [f"{1000 * each:.0f} ({100 * (each / base - 1):+.0f} %)" for each in seconds.values()]


def _native() -> type:
    from mindspore import nn

    class Native(nn.Cell):
        def __init__(self, probability: float):
            super().__init__()
            self.dropout = nn.Dropout(p=probability)

        def construct(self, states, step=None):
            return self.dropout(states)

    return Native


def _step(size: ModelConfig, rows: int, tokens: int, *, by_parts: bool) -> Callable[[], object]:
    import numpy as np
    from mindspore import Tensor
    from tinybert.models.layers import make_of_parts
    from tinybert.models.task import BertForTask
    from tinybert.models.task_losses import LabelLoss
    from tinybert.training.optim import build_optimizer
    from tinybert.training.step import TrainStep

    loss = LabelLoss(BertForTask(size, TARGET), TARGET, 1)
    if by_parts:
        make_of_parts(loss)
    optimizer = build_optimizer(loss.trainable_params(), PROFILES["tiny"].finetune, 1000)
    step = TrainStep(loss, loss.metrics, optimizer, 1, 1.0).set_train()
    rng = np.random.default_rng(0)
    ids = rng.integers(0, size.vocab_size, (rows, tokens)).astype(np.int32)
    batch = [Tensor(a) for a in (ids, ids * 0, ids * 0 + 1, ids[:, :1] % 2)]

    def call() -> object:
        return step(*batch)[0].asnumpy()

    call()
    return call


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
