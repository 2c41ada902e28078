"""BERT with the head of a task, for teacher and student alike."""

from __future__ import annotations

import mindspore as ms
from mindspore import nn, ops

from tinybert.models.bert import BertModel, dense
from tinybert.models.config import ModelConfig
from tinybert.tasks.records import SCORE, TAGS, Target


class BertForTask(nn.Cell):
    """BERT and a classifier: of the whole text, or of each token.

    `construct` takes input_ids, segment_ids, input_mask int32 [B, S] and returns float32 logits: [B, outputs]
    from relu(tanh-pooled [CLS]), which is how TinyBERT's teacher and student must both have it (the authors:
    "results in our paper are obtained by tanh + relu"), or [B*S, outputs] from the last hidden states.
    `relu` False: from the tanh-pooled [CLS], for heads that Google's run_classifier.py has trained.
    """

    def __init__(self, config: ModelConfig, target: Target, relu: bool = True):
        super().__init__()
        self.bert = BertModel(config)
        self.classifier = dense(config, config.hidden_size, target.outputs)
        self.by_token = target.kind == TAGS
        self.relu = relu

    def construct(self, input_ids, segment_ids, input_mask, step=None):
        hidden, _ = self.bert(input_ids, segment_ids, input_mask, step)
        last = hidden[-1]
        if not self.by_token:
            last = self.bert.pool(last, input_ids.shape[0])
            last = ops.relu(last) if self.relu else last
        return self.classifier(last).astype(ms.float32)


class Predictor(nn.Cell):
    """What a model says of each row: the id of its class int32 [B], its score float32 [B], or tags [B, S]."""

    def __init__(self, network: BertForTask, target: Target):
        super().__init__()
        self.network = network
        self.kind = target.kind

    def construct(self, input_ids, segment_ids, input_mask):
        logits = self.network(input_ids, segment_ids, input_mask)
        if self.kind == SCORE:
            return logits.reshape(-1)
        best = logits.argmax(-1).astype(ms.int32)
        return best.reshape(input_ids.shape) if self.kind == TAGS else best
