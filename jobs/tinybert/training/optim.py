"""Learning rate, decay groups, clipping and AdamWeightDecay."""

from __future__ import annotations

import mindspore as ms
from mindspore import nn, ops
from mindspore.nn.learning_rate_schedule import LearningRateSchedule

from tinybert.models.config import TrainConfig


class WarmupPolynomialDecay(LearningRateSchedule):
    """Learning rate of optimiser step s (0-based) of D steps, W of them warm-up.

    s < W:  base * (s + 1) / W
    s >= W: end + (base - end) * (1 - (s - W) / (D - W)) ** power, and end from s = D on

    The first step moves the weights and the peak is reached at s = W-1 and s = W. MindSpore's reference
    gives lr 0 at its first step and decays during the warm-up, so that it peaks at 0.9 * base.
    """

    def __init__(self, train: TrainConfig, total_steps: int):
        super().__init__()
        self.base = train.learning_rate
        self.end = train.end_learning_rate
        self.power = train.decay_power
        self.warmup_steps = warmup_steps(train, total_steps)
        self.decay_steps = max(total_steps - self.warmup_steps, 1)

    def construct(self, global_step):
        step = global_step.astype(ms.float32)
        # Steps that are left are exact in float32; 1 - done / all would be off by a thousandth at the end.
        left = ops.maximum(self.warmup_steps + self.decay_steps - step, 0.0) / self.decay_steps
        decayed = self.end + (self.base - self.end) * ops.pow(left, self.power)
        if self.warmup_steps == 0:
            return decayed
        warming = self.base * (step + 1.0) / self.warmup_steps
        return ops.select(step < self.warmup_steps, warming, ops.minimum(decayed, self.base))


def warmup_steps(train: TrainConfig, total_steps: int) -> int:
    """Number of warm-up steps, rounded down as in the reference."""
    return int(total_steps * train.warmup_ratio)


def build_optimizer(parameters: list[ms.Parameter], train: TrainConfig, total_steps: int) -> nn.Optimizer:
    """AdamWeightDecay without bias correction: w -= lr * (m / (sqrt(v) + eps) + decay * w).

    Weight decay spares LayerNorm and biases. The order of the parameters is kept.
    """
    decayed = [parameter for parameter in parameters if is_decayed(parameter.name)]
    spared = [parameter for parameter in parameters if not is_decayed(parameter.name)]
    return nn.AdamWeightDecay(
        [
            {"params": decayed, "weight_decay": train.weight_decay},
            {"params": spared, "weight_decay": 0.0},
            {"order_params": parameters},
        ],
        learning_rate=WarmupPolynomialDecay(train, total_steps),
        beta1=train.beta1,
        beta2=train.beta2,
        eps=train.epsilon,
    )


def is_decayed(name: str) -> bool:
    """Whether weight decay applies to the parameter of this name."""
    return "layer_norm" not in name and "bias" not in name


def gradient_norms(gradients):
    """Euclidean norms of the gradients as one float32 vector; not finite where the gradient is not."""
    return _sqrt(_stack(_map(_squared_norm, gradients)))


def clip_by_norm(gradients, norms, limit):
    """Each gradient shortened to `limit` if it is longer (per parameter, not by the global norm)."""
    return _map(_multiply, gradients, _unstack(limit / _maximum(norms, limit)))


# Primitives, and one vector for all norms: operators (*, /) on each gradient would take seconds to compile.
_map = ops.HyperMap()
_multiply, _maximum, _sqrt, _square, _sum = (
    ops.Mul(),
    ops.Maximum(),
    ops.Sqrt(),
    ops.Square(),
    ops.ReduceSum(),
)
_stack, _unstack = ops.Stack(), ops.Unstack()


def _squared_norm(gradient):
    # Rows first: on CPU the sum of everything at once is the work of one thread.
    return _sum(_sum(_square(gradient), -1))
