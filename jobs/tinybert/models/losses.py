"""What is minimised: the distillation losses of TinyBERT (section 3 of the paper) and those of BERT.

Means are ReduceMean: MindSpore's L2Loss is 0.1 to 0.3 % low in float32.
"""

from __future__ import annotations

import mindspore as ms
from mindspore import nn, ops
from mindspore.communication import GlobalComm

from tinybert.models.bert import BertForPreTraining, BertModel, freeze
from tinybert.models.config import ModelConfig, check_distillation
from tinybert.models.layers import Dense

IGNORED_SCORE = -100.0


class GeneralDistillLoss(nn.Cell):
    """att_loss + rep_loss of a student against a frozen teacher; layer i learns from layer (i+1)k-1.

    `targets` and `construct` take input_ids, segment_ids, input_mask int32 [B, S]; `construct` also takes
    what `targets` returned and the step (int32 [1], for dropout), and returns float32 scalars: the loss, then
    what `metrics` names.
    Raises StageError where the two do not fit together.
    """

    metrics = ("att_loss", "rep_loss")
    saved_prefix = "bert."

    def __init__(
        self, teacher: BertModel, student: BertModel, teacher_config: ModelConfig, student_config: ModelConfig
    ):
        super().__init__()
        check_distillation(teacher_config, student_config)
        self.teacher = freeze(teacher)
        self.network = student
        self.fit_dense = Dense(student_config.hidden_size, teacher_config.hidden_size)
        self.stride = teacher_config.num_hidden_layers // student_config.num_hidden_layers

    def targets(self, input_ids, segment_ids, input_mask):
        """What the teacher gives, outside of the differentiated part, which halves the time to compile."""
        return self.teacher(input_ids, segment_ids, input_mask)

    def student(self, input_ids, segment_ids, input_mask, step):
        """Hidden states and scores of the student."""
        return self.network(input_ids, segment_ids, input_mask, step)

    def construct(self, targets, step, input_ids, segment_ids, input_mask):
        teacher_hidden, teacher_scores = targets
        student_hidden, student_scores = self.student(input_ids, segment_ids, input_mask, step)
        fitted = ()
        for hidden in student_hidden:
            fitted += (self.fit_dense(hidden),)
        att_loss = attention_loss(student_scores, teacher_scores, self.stride)
        rep_loss = representation_loss(fitted, teacher_hidden, self.stride)
        return att_loss + rep_loss, att_loss, rep_loss


def attention_loss(student_scores, teacher_scores, stride):
    """Sum over student layers i of MSE(z(student[i]), z(teacher[(i+1)*stride-1])).

    Scores are raw, [B, heads, S, S]; z zeroes those at or under -100 (masked keys); the mean is over all
    elements, zeroed ones included. Returns a float32 scalar.
    """
    loss = 0.0
    for i in range(len(student_scores)):
        teacher = zero_masked(teacher_scores[(i + 1) * stride - 1])
        loss += mean_squared_error(zero_masked(student_scores[i]), teacher)
    return loss


def representation_loss(fitted_hidden, teacher_hidden, stride):
    """Sum over levels i (embeddings first) of MSE(fitted[i], teacher[i*stride]), padding included.

    `fitted_hidden` are the student's hidden states after fit_dense, [B*S, teacher size].
    Returns a float32 scalar.
    """
    loss = 0.0
    for i in range(len(fitted_hidden)):
        loss += mean_squared_error(fitted_hidden[i], teacher_hidden[i * stride])
    return loss


def zero_masked(scores):
    """0 where a score is at or under -100, else the score."""
    return scores * (scores > IGNORED_SCORE).astype(scores.dtype)


def mean_squared_error(left, right):
    """Mean of squared differences over all elements, in float32.

    Rows first: on CPU the mean of everything at once is the work of one thread.
    """
    difference = left.astype(ms.float32) - right.astype(ms.float32)
    return (difference * difference).reshape((-1, difference.shape[-1])).mean(1).mean()


class PreTrainLoss(nn.Cell):
    """Masked language model and next sentence loss of BERT, with the MLM accuracy beside it.

    The MLM loss is the mean over the masked tokens of the whole global batch: with several ranks the
    number of tokens is summed over them, so that the mean of the ranks' losses is the loss of one
    process with all the samples. `construct` takes the step (int32 [1], for dropout) and the columns of a
    pretraining record (int32 [B, S] x 3, int32 [B, P] x 2, float32 [B, P], int32 [B, 1]) and returns
    float32 scalars: the loss, then what `metrics` names.
    """

    metrics = ("mlm_accuracy",)
    saved_prefix = ""

    def __init__(self, network: BertForPreTraining, ranks: int):
        super().__init__()
        self.network = network
        self.ranks = ranks
        self.sum_over_ranks = (
            ops.AllReduce(group=GlobalComm.WORLD_COMM_GROUP) if ranks > 1 else ops.Identity()
        )

    def targets(self, *batch):
        """Nothing: the labels are in the batch."""
        return ()

    def construct(
        self, targets, step, input_ids, input_mask, segment_ids, positions, labels, weights, next_sentence
    ):
        mlm_logits, nsp_logits = self.network(input_ids, segment_ids, input_mask, positions, step)
        labels = labels.reshape(-1)
        weights = weights.reshape(-1)
        # 1e-5 as Google has it: a batch without any masked token has MLM loss 0.
        tokens = self.sum_over_ranks(ops.stop_gradient(weights.sum())) / self.ranks + 1e-5
        mlm_loss = (token_losses(mlm_logits, labels) * weights).sum() / tokens
        nsp_loss = token_losses(nsp_logits, next_sentence.reshape(-1)).mean()
        right = (mlm_logits.argmax(-1).astype(ms.int32) == labels).astype(ms.float32)
        return mlm_loss + nsp_loss, (right * weights).sum() / tokens


def token_losses(logits, labels):
    """Negative log-likelihood of each label: float32 [N, C], int32 [N] -> float32 [N]."""
    log_probabilities = ops.log_softmax(logits, -1)
    return -ops.gather_elements(log_probabilities, 1, labels.reshape((-1, 1))).reshape(-1)
