"""The network against an independent NumPy version in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tinybert.models.config import ModelConfig

pytestmark = pytest.mark.mindspore
SIZE = ModelConfig(50, 12, 2, 3, 20, max_position_embeddings=16).without_dropout()
IDS = np.array([[1, 5, 9, 2, 0, 0], [3, 4, 7, 8, 49, 6]])
SEGMENTS = np.array([[0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]])
MASK = np.array([[1, 1, 1, 1, 0, 0], [1] * 6])


class NumpyBert:
    """BERT as the paper and Google's modeling.py have it; `w` are weights by name."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.w = weights

    def dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return centred / deviation * self.w[f"{name}.gamma"] + self.w[f"{name}.beta"]

    def gelu(self, x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def heads(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], SIZE.num_attention_heads, -1).transpose(0, 2, 1, 3)

    def layer(self, x: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
        attention = f"{name}.attention"
        q, k, v = (self.heads(self.dense(x, f"{attention}.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(SIZE.head_size)
        scores = scores + (1 - MASK)[:, None, None, :] * -10000.0
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        context = (weights / weights.sum(-1, keepdims=True)) @ v
        context = context.transpose(0, 2, 1, 3).reshape(x.shape)
        x = self.norm(x + self.dense(context, f"{attention}.output.dense"), f"{attention}.output.layer_norm")
        inner = self.gelu(self.dense(x, f"{name}.intermediate"))
        return self.norm(x + self.dense(inner, f"{name}.output.dense"), f"{name}.output.layer_norm"), scores

    def encode(self, prefix: str = "") -> tuple[list[np.ndarray], list[np.ndarray]]:
        words, places, kinds = (
            self.w[f"{prefix}embeddings.{name}_embeddings"] for name in ("word", "position", "token_type")
        )
        x = words[IDS] + places[: IDS.shape[1]] + kinds[SEGMENTS]
        hidden, scores = [self.norm(x, f"{prefix}embeddings.layer_norm")], []
        for i in range(SIZE.num_hidden_layers):
            x, raw = self.layer(hidden[-1], f"{prefix}encoder.layers.{i}")
            hidden.append(x)
            scores.append(raw)
        return hidden, scores


def _randomised(network: object) -> dict[str, np.ndarray]:
    """Give every parameter, biases and LayerNorm too, random values, and return them by name."""
    from tinybert.models.weights import set_value

    rng = np.random.default_rng(7)
    values = {}
    for name, parameter in network.parameters_and_names():
        set_value(parameter, rng.normal(0, 0.5, parameter.shape).astype(np.float32))
        values[name] = parameter.asnumpy().astype(np.float64)
    return values


def _inputs() -> list:
    from mindspore import Tensor, int32

    return [Tensor(array, int32) for array in (IDS, SEGMENTS, MASK)]


def test_hidden_states_and_raw_scores() -> None:
    from tinybert.models.bert import BertModel

    network = BertModel(SIZE)
    hidden, scores = NumpyBert(_randomised(network)).encode()
    found_hidden, found_scores = network(*_inputs())
    assert (len(found_hidden), len(found_scores)) == (3, 2)
    for found, expected in zip(found_hidden, hidden, strict=True):
        np.testing.assert_allclose(found.asnumpy(), expected.reshape(-1, SIZE.hidden_size), atol=1e-4)
    for found, expected in zip(found_scores, scores, strict=True):
        np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-5, atol=1e-4)


def test_pretraining_heads() -> None:
    from mindspore import Tensor, int32
    from tinybert.models.bert import BertForPreTraining

    positions = np.array([[1, 3], [0, 5]])
    network = BertForPreTraining(SIZE)
    bert = NumpyBert(_randomised(network))
    mlm, nsp = network(*_inputs(), Tensor(positions, int32))
    last = bert.encode("bert.")[0][-1]
    masked = last[[[0], [1]], positions].reshape(4, -1)
    masked = bert.norm(bert.gelu(bert.dense(masked, "masked_lm.transform")), "masked_lm.layer_norm")
    expected = masked @ bert.w["bert.embeddings.word_embeddings"].T + bert.w["masked_lm.output_bias"]
    np.testing.assert_allclose(mlm.asnumpy(), expected, rtol=1e-4, atol=1e-4)
    pooled = np.tanh(bert.dense(last[:, 0], "bert.pooler"))
    np.testing.assert_allclose(nsp.asnumpy(), bert.dense(pooled, "next_sentence"), rtol=1e-4, atol=1e-4)


def test_initial_weights() -> None:
    from mindspore import set_seed
    from tinybert.models.bert import BertModel

    set_seed(1)
    network = BertModel(ModelConfig(2000, 64, 1, 4, 128))
    for name, parameter in network.parameters_and_names():
        values = parameter.asnumpy()
        if name.endswith(("bias", "beta")):
            assert not values.any(), name
        elif name.endswith("gamma"):
            assert (values == 1).all(), name
        elif values.size > 4000:
            assert values.std() == pytest.approx(0.02, rel=0.05), name


def test_padding_changes_nothing_for_real_tokens() -> None:
    from mindspore import Tensor, int32
    from tinybert.models.bert import BertModel

    network = BertModel(SIZE)
    other_padding = np.where(MASK == 1, IDS, 17)
    first = network(*_inputs())[0][-1].asnumpy().reshape(2, 6, -1)
    second = network(Tensor(other_padding, int32), *_inputs()[1:])[0][-1].asnumpy().reshape(2, 6, -1)
    np.testing.assert_array_equal(first[0, :4], second[0, :4])


def test_a_frozen_teacher_has_nothing_to_train() -> None:
    from tinybert.models.bert import BertModel, freeze

    assert freeze(BertModel(SIZE)).trainable_params() == []
