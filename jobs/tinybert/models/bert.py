"""BERT (Devlin et al. 2019, arXiv:1810.04805): encoder, pooler and the heads of pretraining.

Parameter names are Google's variable names with dots: `bert/encoder/layer_0/attention/self/query/kernel`
is `bert.encoder.layers.0.attention.query.weight` here. Matrices are [out, in], as in nn.Dense.
"""

from __future__ import annotations

import math

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import TruncatedNormal, initializer

from tinybert.models.config import ModelConfig
from tinybert.models.dropout import Dropout
from tinybert.models.layers import Dense, LayerNorm

MASKED_SCORE = -10000.0


class BertModel(nn.Cell):
    """Encoder with pooler.

    `construct` takes input_ids, segment_ids, input_mask int32 [B, S] and returns
    (hidden, scores): `hidden` has L+1 tensors [B*S, H], the embedding output first;
    `scores` has L tensors [B, heads, S, S]: QK^T/sqrt(head size) plus the mask, before softmax.
    `step`, int32 [1], chooses the masks of dropout; only training with dropout needs it.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(auto_prefix=True)
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = dense(config, config.hidden_size, config.hidden_size)
        self.heads = config.num_attention_heads
        self.hidden_size = config.hidden_size

    def construct(self, input_ids, segment_ids, input_mask, step=None):
        mask = additive_mask(input_mask, self.heads)
        return self.encoder(self.embeddings(input_ids, segment_ids, step), mask, step)

    def pool(self, last_hidden, batch_size):
        """Tanh-pooled [CLS] vectors [B, H] of the last hidden states [B*S, H]."""
        first = last_hidden.reshape((batch_size, -1, self.hidden_size))[:, 0]
        return ops.tanh(self.pooler(first))


class BertEmbeddings(nn.Cell):
    """Sum of word, position and segment embeddings, normalised: [B, S] -> [B*S, H]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.word_embeddings = _weight(config, config.vocab_size, "word_embeddings")
        self.position_embeddings = _weight(config, config.max_position_embeddings, "position_embeddings")
        self.token_type_embeddings = _weight(config, config.type_vocab_size, "token_type_embeddings")
        self.layer_norm = _layer_norm(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.segments = config.type_vocab_size
        self.hidden_size = config.hidden_size

    def construct(self, input_ids, segment_ids, step=None):
        length = input_ids.shape[1]
        words = ops.gather(self.word_embeddings, input_ids, 0)
        # Two or three rows: a product, whose gradient is a product too and not a scattered sum.
        one_hot = ops.one_hot(segment_ids.reshape(-1), self.segments).astype(ms.float32)
        segments = ops.matmul(one_hot, self.token_type_embeddings)
        hidden = words + self.position_embeddings[:length]
        hidden = hidden.reshape((-1, self.hidden_size)) + segments
        return self.dropout(self.layer_norm(hidden), step)


class BertEncoder(nn.Cell):
    """The stack of layers; returns what distillation compares (see BertModel)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.layers = nn.CellList([BertLayer(config) for _ in range(config.num_hidden_layers)])

    def construct(self, hidden, mask, step=None):
        all_hidden = (hidden,)
        all_scores = ()
        for layer in self.layers:
            hidden, scores = layer(hidden, mask, step)
            all_hidden += (hidden,)
            all_scores += (scores,)
        return all_hidden, all_scores


class BertLayer(nn.Cell):
    """Attention and feed-forward, each followed by residual and LayerNorm (post-LN): [B*S, H] -> [B*S, H]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.attention = BertAttention(config)
        self.intermediate = dense(config, config.hidden_size, config.intermediate_size)
        self.output = BertResidual(config, config.intermediate_size)

    def construct(self, hidden, mask, step=None):
        attended, scores = self.attention(hidden, mask, step)
        return self.output(gelu(self.intermediate(attended)), attended, step), scores


class BertAttention(nn.Cell):
    """Multi-head self-attention with its output projection; also returns the raw scores."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        size = config.hidden_size
        self.query = dense(config, size, size)
        self.key = dense(config, size, size)
        self.value = dense(config, size, size)
        self.output = BertResidual(config, size)
        self.dropout = Dropout(config.attention_probs_dropout_prob)
        self.scores = ops.BatchMatMul(transpose_b=True)
        self.context = ops.BatchMatMul()
        self.heads = config.num_attention_heads
        self.head_size = config.head_size
        self.scale = 1.0 / math.sqrt(config.head_size)

    def construct(self, hidden, mask, step=None):
        batch_size = mask.shape[0]
        # Scaling the query costs B*S*H products; scaling the scores would cost B*heads*S*S.
        query = self._split_heads(self.query(hidden) * self.scale, batch_size)
        key = self._split_heads(self.key(hidden), batch_size)
        value = self._split_heads(self.value(hidden), batch_size)
        scores = self.scores(query, key) + mask.astype(query.dtype)
        context = self.context(self.dropout(ops.softmax(scores, -1), step), value)
        context = context.transpose((0, 2, 1, 3)).reshape(hidden.shape)
        return self.output(context, hidden, step), scores

    def _split_heads(self, states, batch_size):
        """[B*S, H] -> [B, heads, S, head size]."""
        return states.reshape((batch_size, -1, self.heads, self.head_size)).transpose((0, 2, 1, 3))


class BertResidual(nn.Cell):
    """LayerNorm(residual + dropout(dense(states))), the end of both halves of a layer."""

    def __init__(self, config: ModelConfig, in_size: int):
        super().__init__()
        self.dense = dense(config, in_size, config.hidden_size)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.layer_norm = _layer_norm(config)

    def construct(self, states, residual, step=None):
        return self.layer_norm(residual + self.dropout(self.dense(states), step))


class BertForPreTraining(nn.Cell):
    """BERT with its two heads: masked language model (tied to the word embeddings) and next sentence.

    `construct` takes input_ids, segment_ids, input_mask int32 [B, S] and masked_lm_positions int32 [B, P];
    it returns (MLM logits [B*P, V], NSP logits [B, 2]), both float32.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.bert = BertModel(config)
        self.masked_lm = MaskedLanguageHead(config)
        self.next_sentence = dense(config, config.hidden_size, 2)

    def construct(self, input_ids, segment_ids, input_mask, masked_lm_positions, step=None):
        hidden, _ = self.bert(input_ids, segment_ids, input_mask, step)
        last_hidden = hidden[-1]
        batch_size, length = input_ids.shape
        starts = ops.arange(batch_size).astype(ms.int32).reshape((-1, 1)) * length
        masked = ops.gather(last_hidden, (masked_lm_positions + starts).reshape(-1), 0)
        mlm_logits = self.masked_lm(masked, self.bert.embeddings.word_embeddings)
        nsp_logits = self.next_sentence(self.bert.pool(last_hidden, batch_size))
        return mlm_logits.astype(ms.float32), nsp_logits.astype(ms.float32)


class MaskedLanguageHead(nn.Cell):
    """Transform, then the product with the word embeddings [V, H]: [N, H] -> [N, V]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.transform = dense(config, config.hidden_size, config.hidden_size)
        self.layer_norm = _layer_norm(config)
        self.output_bias = Parameter(Tensor([0.0] * config.vocab_size, ms.float32), name="output_bias")
        self.product = ops.MatMul(transpose_b=True)

    def construct(self, states, word_embeddings):
        states = self.layer_norm(gelu(self.transform(states)))
        return self.product(states, word_embeddings.astype(states.dtype)) + self.output_bias


def additive_mask(input_mask, heads):
    """0 for a real key and -10000 for padding: int32 [B, S] -> float32 [B, heads, S, S].

    As large as the scores: an addition that broadcasts keeps 16 bytes of indices for each score on CPU, in
    each layer.
    """
    batch_size, length = input_mask.shape
    mask = ((1 - input_mask).astype(ms.float32) * MASKED_SCORE).reshape((batch_size, 1, 1, length))
    return ops.tile(mask, (1, heads, length, 1))


def gelu(x):
    """Gaussian error linear unit in Google's tanh form, which ONNX can hold.

    0.5 * (1 + tanh(y)) is sigmoid(2 * y): fewer passes over the largest tensors of the network.
    """
    return x * ops.sigmoid(x * (1.5957691216057308 + 0.07135481627260025 * (x * x)))


def freeze(network: nn.Cell) -> nn.Cell:
    """Take a teacher out of training: no dropout, no gradient."""
    network.set_train(False)
    for parameter in network.get_parameters():
        parameter.requires_grad = False
    return network


def dense(config: ModelConfig, in_size: int, out_size: int) -> Dense:
    """A matrix [out, in] and a bias, initialised as BERT's are."""
    init = TruncatedNormal(config.initializer_range)
    return Dense(in_size, out_size, weight_init=init, bias_init="zeros")


def _layer_norm(config: ModelConfig) -> LayerNorm:
    return LayerNorm(config.hidden_size, config.layer_norm_eps)


def _weight(config: ModelConfig, rows: int, name: str) -> Parameter:
    init = TruncatedNormal(config.initializer_range)
    return Parameter(initializer(init, [rows, config.hidden_size], ms.float32), name=name)
