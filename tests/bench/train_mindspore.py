"""One side of the training bench: the step that tinybert.general_distill takes."""

from __future__ import annotations

import os

import numpy as np
from tinybert.models.config import ModelConfig, TrainConfig
from tinybert.stages.rank import Rank, start
from tinybert.training.run import build_step

from tests.bench.steps import Work, serve, weight

STEPS = 10_000


def main() -> None:
    """Serve steps."""
    work = Work.given()
    os.environ["OMP_NUM_THREADS"] = str(work.threads)
    train, rank = TrainConfig(**work.train), Rank()
    start(rank, train.seed)

    from mindspore import Tensor
    from tinybert.models.bert import BertModel
    from tinybert.models.losses import GeneralDistillLoss
    from tinybert.models.weights import set_value

    teacher, student = ModelConfig.from_dict(work.teacher), ModelConfig.from_dict(work.student)
    loss = GeneralDistillLoss(BertModel(teacher), BertModel(student), teacher, student)
    for name, parameter in loss.parameters_and_names():
        if parameter.ndim == 2:
            set_value(parameter, weight(name, parameter.shape))
        elif name.endswith("bias"):
            set_value(parameter, np.zeros(parameter.shape, np.float32))
    network = build_step(loss, train, rank, STEPS)

    def step(ids, mask, segments) -> float:
        values, finite = network(Tensor(ids), Tensor(segments), Tensor(mask))
        assert bool(finite)
        return float(values[0])

    serve(work, step)


if __name__ == "__main__":
    main()
