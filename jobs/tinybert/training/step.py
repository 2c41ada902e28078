"""One optimiser step as one graph: forward, backward, all-reduce, clip, check, update."""

from __future__ import annotations

from mindspore import nn, ops
from mindspore.amp import DynamicLossScaler
from mindspore.communication import GlobalComm

from tinybert.training.optim import clip_by_norm, gradient_norms


class TrainStep(nn.Cell):
    """`construct(*batch)` trains one step and returns (values, finite).

    `values` float32, one for each of `names`: the outputs of the loss cell averaged over the ranks, then the
    learning rate. `finite`: whether loss and gradients were finite on all ranks; all see the same, at the
    same step. Without `loss_scaler` the caller must stop where `finite` is false: the weights are spoilt
    then. With one (float16 on Ascend, where overflow is ordinary) the step is skipped and the scale lowered;
    that path has never been run on an NPU.
    """

    def __init__(
        self,
        loss: nn.Cell,
        metrics: tuple[str, ...],
        optimizer: nn.Optimizer,
        ranks: int,
        clip_norm: float,
        loss_scaler: DynamicLossScaler | None = None,
    ):
        super().__init__()
        self.names = ("loss", *metrics, "lr")
        self.loss = loss
        self.optimizer = optimizer
        self.ranks = ranks
        self.clip_norm = clip_norm
        self.loss_scaler = loss_scaler
        self.sizes = [1 + len(metrics), *(parameter.size for parameter in optimizer.parameters)]
        self.gradient = ops.value_and_grad(self.scaled_loss, None, optimizer.parameters, has_aux=True)
        self.sum_over_ranks = ops.AllReduce(group=GlobalComm.WORLD_COMM_GROUP) if ranks > 1 else None

    def construct(self, *batch):
        targets, step = self.loss.targets(*batch), self.optimizer.global_step
        (_, values), gradients = self.gradient(targets, step, *batch)
        values = ops.stack(values)
        if self.ranks > 1:
            values, gradients = self.average(values, gradients)
        if self.loss_scaler is not None:
            gradients = self.loss_scaler.unscale(gradients)
        norms = gradient_norms(gradients)
        finite = ops.isfinite(values[0] + norms.sum())
        values = ops.concat((values, self.optimizer.get_lr().reshape((1,))))
        gradients = clip_by_norm(gradients, norms, self.clip_norm)
        if self.loss_scaler is None:
            self.optimizer(gradients)
        else:
            self.loss_scaler.adjust(finite)
            if finite:
                self.optimizer(gradients)
        return values, finite

    def scaled_loss(self, targets, step, *batch):
        """The loss to differentiate, and all outputs of the loss cell unscaled."""
        values = self.loss(targets, step, *batch)
        if self.loss_scaler is None:
            return values[0], values
        return self.loss_scaler.scale(values[0]), values

    def average(self, values, gradients):
        """Mean over the ranks, in one all-reduce of one flat tensor: a call costs more than its bytes."""
        parts = (values,)
        for gradient in gradients:
            parts += (gradient.reshape(-1),)
        parts = ops.split(self.sum_over_ranks(ops.concat(parts)) / self.ranks, self.sizes)
        averaged = ()
        for i in range(len(gradients)):
            averaged += (parts[i + 1].reshape(gradients[i].shape),)
        return parts[0], averaged
