"""LayerNorm and dense layers that may be made of parts, where MindSpore's own kernels are slow.

On CPU the gradients of LayerNorm and of a bias run on one core there. Made of operators that use all, a
training step takes a fifth less (docs/benchmarks.md). Elsewhere, and to export, the fused kernels are right.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import Tensor, nn, ops


class LayerNorm(nn.LayerNorm):
    """Normalises rows: float [N, H] -> [N, H]; `by_parts` takes float32 only."""

    by_parts = False

    def __init__(self, size: int, epsilon: float):
        super().__init__((size,), epsilon=epsilon)
        self.standardised = Standardised(size, epsilon)
        self.add_bias = AddBias()
        self.tile = ops.Tile()

    def construct(self, states):
        if not self.by_parts:
            return super().construct(states)
        standardised, _ = self.standardised(states)
        gamma = self.tile(self.gamma.reshape((1, -1)), (states.shape[0], 1))
        return self.add_bias(standardised * gamma, self.beta)


class Standardised(nn.Cell):
    """Rows less their mean, divided by their deviation: float32 [N, H] -> [N, H], [N, 1] (1 / deviation).

    Means are products with a column, and columns are made as wide as rows before they meet them: a product
    and a copy use all cores, a reduction and an operator that broadcasts do not.
    """

    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.share = Tensor([[1.0 / size]] * size, ms.float32)
        self.product = ops.MatMul()
        self.tile = ops.Tile()

    def construct(self, states):
        centred = states - self.widen(self.mean(states), states)
        inverse = ops.rsqrt(self.mean(centred * centred) + self.epsilon)
        return centred * self.widen(inverse, states), inverse

    def bprop(self, states, out, dout):
        """d = (g - mean(g) - y·mean(g·y)) / deviation, where y is the output and g its gradient."""
        standardised, inverse = out
        gradient = dout[0]
        along = self.widen(self.mean(gradient * standardised), states)
        across = self.widen(self.mean(gradient), states)
        return ((gradient - across - standardised * along) * self.widen(inverse, states),)

    def mean(self, states):
        """Of each row: [N, H] -> [N, 1]."""
        return self.product(states, self.share)

    def widen(self, column, states):
        """[N, 1] -> [N, H]."""
        return self.tile(column, (1, states.shape[1]))


class AddBias(nn.Cell):
    """[N, H] + [H]; the gradient of the bias is an ordinary sum."""

    def __init__(self):
        super().__init__()
        self.sum = ops.ReduceSum()

    def construct(self, states, bias):
        return ops.bias_add(states, bias)

    def bprop(self, states, bias, out, dout):
        """The gradient, and its sum over rows."""
        return dout, self.sum(dout, 0)


class Dense(nn.Dense):
    """A matrix [out, in] and a bias; `by_parts` takes float32 [N, in] only."""

    by_parts = False

    def __init__(self, in_size: int, out_size: int, **more):
        super().__init__(in_size, out_size, dtype=ms.float32, **more)
        self.product = ops.MatMul(transpose_b=True)
        self.add_bias = AddBias()

    def construct(self, states):
        if not self.by_parts:
            return super().construct(states)
        return self.add_bias(self.product(states, self.weight), self.bias)


def make_of_parts(network: nn.Cell) -> None:
    """Let all layers of a network compute by parts, as training on CPU should."""
    for _, cell in network.cells_and_names():
        if isinstance(cell, (LayerNorm, Dense)):
            cell.by_parts = True
