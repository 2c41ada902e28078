"""One optimiser step as one graph: forward, backward, all-reduce, clip, check, update."""

from __future__ import annotations

import mindspore as ms
from mindspore import nn, ops
from mindspore.communication import GlobalComm

from tinybert.optim import clip_by_norm, gradient_norms


class TrainStep(nn.Cell):
    """`construct(*batch)` trains one step and returns (values, finite, lr).

    `values` float32 [1 + metrics]: the outputs of the loss cell, averaged over the ranks. `finite`: whether loss
    and gradients were finite on every rank, which every rank sees at the same step; if not, neither weights nor moments have changed.
    """

    def __init__(self, loss: nn.Cell, optimizer: nn.Optimizer, ranks: int, clip_norm: float):
        super().__init__()
        self.loss = loss
        self.optimizer = optimizer
        self.ranks = ranks
        self.clip_norm = clip_norm
        self.gradient = ops.value_and_grad(loss, None, optimizer.parameters, has_aux=True)
        self.sum_over_ranks = ops.AllReduce(group=GlobalComm.WORLD_COMM_GROUP) if ranks > 1 else None

    def construct(self, *batch):
        values, gradients = self.gradient(*batch)
        values = ops.stack(values)
        if self.ranks > 1:
            values, gradients = self.average(values, gradients)
        norms = gradient_norms(gradients)
        finite = ops.isfinite(values[0] + ops.stack(norms).sum())
        if finite:
            self.optimizer(clip_by_norm(gradients, norms, self.clip_norm))
        return values, finite

    def average(self, values, gradients):
        """Mean over the ranks in one all-reduce of one flat tensor: a call costs more than its bytes."""
        parts = (values,)
        for gradient in gradients:
            parts += (gradient.reshape(-1),)
        flat = self.sum_over_ranks(ops.concat(parts)) / self.ranks
        start = values.shape[0]
        averaged = ()
        for gradient in gradients:
            end = start + gradient.size
            averaged += (flat[start:end].reshape(gradient.shape),)
            start = end
        return flat[: values.shape[0]], averaged
