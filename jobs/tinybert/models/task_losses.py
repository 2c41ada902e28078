"""Losses of a labelled task: of its labels, and of a fine-tuned teacher (TinyBERT, section 3.2)."""

from __future__ import annotations

import mindspore as ms
from mindspore import nn, ops
from mindspore.communication import GlobalComm

from tinybert.models.bert import freeze
from tinybert.models.config import ModelConfig
from tinybert.models.losses import GeneralDistillLoss, mean_squared_error, token_losses
from tinybert.models.task import BertForTask
from tinybert.tasks.features import NO_LABEL
from tinybert.tasks.records import SCORE, TAGS, Target


class LayerDistillLoss(GeneralDistillLoss):
    """Phase 1: attention and hidden states of the fine-tuned teacher, as in general distillation.

    Pooler and classifier of the student get no gradient.
    """

    saved_prefix = ""

    def __init__(
        self,
        teacher: BertForTask,
        student: BertForTask,
        teacher_config: ModelConfig,
        student_config: ModelConfig,
    ):
        super().__init__(teacher.bert, student, teacher_config, student_config)

    def student(self, input_ids, segment_ids, input_mask, step):
        """Hidden states and scores of the student's encoder."""
        return self.network.bert(input_ids, segment_ids, input_mask, step)


class PredictionDistillLoss(nn.Cell):
    """Phase 2: the student's logits against the teacher's; no labels.

    Of classes and tags the soft cross-entropy, -softmax(z_t/T)·log_softmax(z_s/T), as a mean over rows (tags:
    tokens that have a label) and classes, as in the reference: 1/C of what is usual. Of scores the mean
    squared difference. `targets` takes the batch, which is input_ids, segment_ids, input_mask and label_ids,
    int32 [B, S] x 3, [B, 1] or [B, S]; `construct` takes what that returned, the step (int32 [1]) and the
    batch. Returns float32 scalars: the loss, then what `metrics` names; `agreement` is the share of rows or
    tokens where both choose the same class.
    """

    saved_prefix = ""

    def __init__(
        self, teacher: BertForTask, student: BertForTask, target: Target, temperature: float, ranks: int
    ):
        super().__init__()
        self.teacher = freeze(teacher)
        self.network = student
        self.kind = target.kind
        self.metrics = () if target.kind == SCORE else ("agreement",)
        self.temperature = temperature
        self.mean = MeanOverRows(target.kind, ranks)

    def targets(self, input_ids, segment_ids, input_mask, label_ids):
        """The teacher's logits."""
        return self.teacher(input_ids, segment_ids, input_mask)

    def construct(self, targets, step, input_ids, segment_ids, input_mask, label_ids):
        logits = self.network(input_ids, segment_ids, input_mask, step)
        if self.kind == SCORE:
            return (mean_squared_error(logits, targets),)
        losses = soft_cross_entropies(logits, targets, self.temperature) / logits.shape[-1]
        agreed = (logits.argmax(-1) == targets.argmax(-1)).astype(ms.float32)
        return self.mean(losses, label_ids), self.mean(agreed, label_ids)


class LabelLoss(nn.Cell):
    """Fine-tuning: cross-entropy of classes and tags, squared error of scores.

    Takes and returns what PredictionDistillLoss does, label_ids of scores in float32; the metric is
    `accuracy`.
    """

    saved_prefix = ""

    def __init__(self, network: BertForTask, target: Target, ranks: int):
        super().__init__()
        self.network = network
        self.kind = target.kind
        self.metrics = () if target.kind == SCORE else ("accuracy",)
        self.mean = MeanOverRows(target.kind, ranks)

    def targets(self, *batch):
        """Nothing: the labels are in the batch."""
        return ()

    def construct(self, targets, step, input_ids, segment_ids, input_mask, label_ids):
        logits = self.network(input_ids, segment_ids, input_mask, step)
        if self.kind == SCORE:
            return (mean_squared_error(logits, label_ids),)
        labels = ops.maximum(label_ids.reshape(-1), 0)
        right = (logits.argmax(-1).astype(ms.int32) == labels).astype(ms.float32)
        return self.mean(token_losses(logits, labels), label_ids), self.mean(right, label_ids)


class MeanOverRows(nn.Cell):
    """Mean over the rows of the global batch; of tags over the tokens that have a label.

    Their number is summed over the ranks, so that the mean of the ranks' values is that of one process with
    all the rows. `construct` takes values float32 [N] and label_ids of N elements.
    """

    def __init__(self, kind: str, ranks: int):
        super().__init__()
        self.by_token = kind == TAGS
        self.ranks = ranks
        self.sum_over_ranks = (
            ops.AllReduce(group=GlobalComm.WORLD_COMM_GROUP) if ranks > 1 else ops.Identity()
        )

    def construct(self, values, label_ids):
        if not self.by_token:
            return values.mean()
        weights = (label_ids.reshape(-1) != NO_LABEL).astype(ms.float32)
        tokens = self.sum_over_ranks(ops.stop_gradient(weights.sum())) / self.ranks
        return (values * weights).sum() / ops.maximum(tokens, 1.0 / self.ranks)


def soft_cross_entropies(logits, teacher_logits, temperature):
    """-Σ softmax(teacher/T)·log_softmax(student/T) of each row: float32 [N, C] x 2 -> float32 [N]."""
    probabilities = ops.softmax(teacher_logits / temperature, -1)
    return -(probabilities * ops.log_softmax(logits / temperature, -1)).sum(-1)
