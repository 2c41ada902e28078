"""What dropout that depends on seed, rank, place and step costs on CPU, beside MindSpore's own.

python -m tests.bench.dropout prints Markdown: a fine-tuning step without dropout, with ours, and with
nn.Dropout; they take turns, and the fastest step of each counts.
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

ROUNDS, STEPS = 3, 5
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

    kinds = {"none": (0.0, bert.Dropout), "ours": (0.1, bert.Dropout), "nn.Dropout": (0.1, _native())}
    print("| network, rows x tokens | no dropout, ms | ours | nn.Dropout |\n|---|---|---|---|")
    for name, (size, rows, tokens) in SHAPES.items():
        steps = {}
        for kind, (probability, dropout) in kinds.items():
            bert.Dropout = dropout
            steps[kind] = _step(size.with_dropout(probability), rows, tokens)
        fastest = dict.fromkeys(kinds, float("inf"))
        for _ in range(ROUNDS * STEPS):
            for kind, step in steps.items():
                fastest[kind] = min(fastest[kind], _seconds(step))
        base = fastest["none"]
        cells = [f"{1000 * base:.0f}"]
        for kind in ("ours", "nn.Dropout"):
            cells.append(f"{1000 * fastest[kind]:.0f} ({100 * (fastest[kind] / base - 1):+.0f} %)")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _native() -> type:
    from mindspore import nn

    class Native(nn.Cell):
        def __init__(self, probability: float):
            super().__init__()
            self.dropout = nn.Dropout(p=probability)

        def construct(self, states, step=None):
            return self.dropout(states)

    return Native


def _step(size: ModelConfig, rows: int, tokens: int) -> Callable[[], object]:
    import numpy as np
    from mindspore import Tensor
    from tinybert.models.task import BertForTask
    from tinybert.models.task_losses import LabelLoss
    from tinybert.training.optim import build_optimizer
    from tinybert.training.step import TrainStep

    loss = LabelLoss(BertForTask(size, TARGET), TARGET, 1)
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
