"""BERT in NumPy float64 on Google's own variables: an oracle for tests.

Written from the paper (Devlin et al. 2019) and the shapes of Google's variables, without the table of
tinybert.conversion.tensor_table: kernels are [in, out] and multiplied from the left.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tinybert.conversion.tf_checkpoint import write_checkpoint
from tinybert.models.config import ModelConfig
from tinybert.text.tokenization import SPECIAL_TOKENS

Variables = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outputs:
    """Hidden states [B, S, H] of embeddings and layers, pooled [B, H], logits of MLM [B, P, V] and NSP."""

    hidden: list[np.ndarray]
    pooled: np.ndarray
    mlm: np.ndarray
    nsp: np.ndarray


def random_variables(sizes: Mapping[str, int], seed: int = 5) -> dict[str, np.ndarray]:
    """A checkpoint of run_pretraining.py without its optimiser, no tensor of which is alike to another.

    `sizes` are those of a bert_config.json. Embeddings and kernels are as large as trained ones are.
    """
    rng = np.random.default_rng(seed)
    hidden, inner = sizes["hidden_size"], sizes["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "bert/embeddings/word_embeddings": (sizes["vocab_size"], hidden),
        "bert/embeddings/position_embeddings": (sizes["max_position_embeddings"], hidden),
        "bert/embeddings/token_type_embeddings": (sizes["type_vocab_size"], hidden),
        "cls/seq_relationship/output_weights": (2, hidden),
        "cls/seq_relationship/output_bias": (2,),
        "cls/predictions/output_bias": (sizes["vocab_size"],),
    }
    dense = {"bert/pooler/dense": (hidden, hidden), "cls/predictions/transform/dense": (hidden, hidden)}
    norms = ["bert/embeddings/LayerNorm", "cls/predictions/transform/LayerNorm"]
    for layer in (f"bert/encoder/layer_{number}" for number in range(sizes["num_hidden_layers"])):
        for name in ("query", "key", "value"):
            dense[f"{layer}/attention/self/{name}"] = (hidden, hidden)
        dense[f"{layer}/attention/output/dense"] = (hidden, hidden)
        dense[f"{layer}/intermediate/dense"] = (hidden, inner)
        dense[f"{layer}/output/dense"] = (inner, hidden)
        norms += [f"{layer}/attention/output/LayerNorm", f"{layer}/output/LayerNorm"]
    for name, shape in dense.items():
        shapes |= {f"{name}/kernel": shape, f"{name}/bias": shape[1:]}
    for name in norms:
        shapes |= {f"{name}/gamma": (hidden,), f"{name}/beta": (hidden,)}
    spread = 1 / math.sqrt(hidden)
    variables = {name: rng.normal(0, spread, shape) for name, shape in shapes.items()}
    variables |= {name: array + 1 for name, array in variables.items() if name.endswith("gamma")}
    return {name: array.astype(np.float32) for name, array in variables.items()}


def write_bert(directory: Path, model: ModelConfig) -> Path:
    """A directory as Google's archives have it, with random variables; returns the checkpoint's prefix."""
    directory.mkdir()
    write_checkpoint(directory / "bert_model.ckpt", random_variables(model.to_dict()))
    (directory / "bert_config.json").write_text(json.dumps({**model.to_dict(), "directionality": "bidi"}))
    tokens = [*SPECIAL_TOKENS, *(f"t{number}" for number in range(len(SPECIAL_TOKENS), model.vocab_size))]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    return directory / "bert_model.ckpt"


def run(
    variables: Variables,
    heads: int,
    ids: np.ndarray,
    segments: np.ndarray,
    mask: np.ndarray,
    positions: np.ndarray,
) -> Outputs:
    """What the model gives for token ids, segment ids and mask [B, S] and masked positions [B, P]."""
    exact = {name: array.astype(np.float64) for name, array in variables.items()}
    words = exact["bert/embeddings/word_embeddings"]
    states = words[ids] + exact["bert/embeddings/position_embeddings"][: ids.shape[1]]
    states = states + exact["bert/embeddings/token_type_embeddings"][segments]
    hidden = [_norm(exact, "bert/embeddings/LayerNorm", states)]
    while f"bert/encoder/layer_{len(hidden) - 1}/output/dense/kernel" in exact:
        hidden.append(_layer(exact, f"bert/encoder/layer_{len(hidden) - 1}", hidden[-1], mask, heads))
    pooled = np.tanh(_dense(exact, "bert/pooler/dense", hidden[-1][:, 0]))
    masked = np.take_along_axis(hidden[-1], positions[:, :, None], 1)
    masked = _gelu(_dense(exact, "cls/predictions/transform/dense", masked))
    masked = _norm(exact, "cls/predictions/transform/LayerNorm", masked)
    mlm = masked @ words.T + exact["cls/predictions/output_bias"]
    nsp = pooled @ exact["cls/seq_relationship/output_weights"].T + exact["cls/seq_relationship/output_bias"]
    return Outputs(hidden, pooled, mlm, nsp)


def _layer(v: Variables, name: str, states: np.ndarray, mask: np.ndarray, heads: int) -> np.ndarray:
    query, key, value = (
        _split(_dense(v, f"{name}/attention/self/{part}", states), heads)
        for part in ("query", "key", "value")
    )
    scores = np.einsum("bhqd,bhkd->bhqk", query, key) / math.sqrt(query.shape[-1])
    scores = scores + (1 - mask)[:, None, None, :] * -10000.0
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    context = np.einsum("bhqk,bhkd->bqhd", weights, value).reshape(states.shape)
    attended = _dense(v, f"{name}/attention/output/dense", context)
    attended = _norm(v, f"{name}/attention/output/LayerNorm", states + attended)
    inner = _gelu(_dense(v, f"{name}/intermediate/dense", attended))
    return _norm(v, f"{name}/output/LayerNorm", attended + _dense(v, f"{name}/output/dense", inner))


def _split(states: np.ndarray, heads: int) -> np.ndarray:
    batch, length, width = states.shape
    return states.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)


def _dense(v: Variables, name: str, states: np.ndarray) -> np.ndarray:
    return states @ v[f"{name}/kernel"] + v[f"{name}/bias"]


def _norm(v: Variables, name: str, states: np.ndarray) -> np.ndarray:
    centred = states - states.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * v[f"{name}/gamma"]
        + v[f"{name}/beta"]
    )


def _gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
