"""Google's variables of BERT and the tensors here, one by one, with the orientation of each.

Kernels in Google's modeling.py are [in, out], weights of nn.Dense are [out, in]: kernels are transposed.
Embeddings are [rows, width] in both, and so are the `output_weights` of heads, by whose transpose Google
multiplies. A shape does not tell which it is: six of the eight kinds of kernel are square.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tinybert.models.config import ModelConfig

TRANSPOSED, SAME = True, False

# Google's name, the name here, Google's shape, orientation. V vocabulary, P positions, S segments, H hidden,
# F feed-forward, C classes, 2 two. What stands in _LAYER comes once for each layer.
_ENCODER = (
    ("bert/embeddings/word_embeddings", "bert.embeddings.word_embeddings", "V H", SAME),
    ("bert/embeddings/position_embeddings", "bert.embeddings.position_embeddings", "P H", SAME),
    ("bert/embeddings/token_type_embeddings", "bert.embeddings.token_type_embeddings", "S H", SAME),
    ("bert/embeddings/LayerNorm/gamma", "bert.embeddings.layer_norm.gamma", "H", SAME),
    ("bert/embeddings/LayerNorm/beta", "bert.embeddings.layer_norm.beta", "H", SAME),
    ("bert/pooler/dense/kernel", "bert.pooler.weight", "H H", TRANSPOSED),
    ("bert/pooler/dense/bias", "bert.pooler.bias", "H", SAME),
)
_LAYER = (
    ("attention/self/query/kernel", "attention.query.weight", "H H", TRANSPOSED),
    ("attention/self/query/bias", "attention.query.bias", "H", SAME),
    ("attention/self/key/kernel", "attention.key.weight", "H H", TRANSPOSED),
    ("attention/self/key/bias", "attention.key.bias", "H", SAME),
    ("attention/self/value/kernel", "attention.value.weight", "H H", TRANSPOSED),
    ("attention/self/value/bias", "attention.value.bias", "H", SAME),
    ("attention/output/dense/kernel", "attention.output.dense.weight", "H H", TRANSPOSED),
    ("attention/output/dense/bias", "attention.output.dense.bias", "H", SAME),
    ("attention/output/LayerNorm/gamma", "attention.output.layer_norm.gamma", "H", SAME),
    ("attention/output/LayerNorm/beta", "attention.output.layer_norm.beta", "H", SAME),
    ("intermediate/dense/kernel", "intermediate.weight", "H F", TRANSPOSED),
    ("intermediate/dense/bias", "intermediate.bias", "F", SAME),
    ("output/dense/kernel", "output.dense.weight", "F H", TRANSPOSED),
    ("output/dense/bias", "output.dense.bias", "H", SAME),
    ("output/LayerNorm/gamma", "output.layer_norm.gamma", "H", SAME),
    ("output/LayerNorm/beta", "output.layer_norm.beta", "H", SAME),
)
# run_pretraining.py makes the first two, run_classifier.py the third, run_squad.py the last.
_HEADS = {
    "masked_lm": (
        ("cls/predictions/transform/dense/kernel", "masked_lm.transform.weight", "H H", TRANSPOSED),
        ("cls/predictions/transform/dense/bias", "masked_lm.transform.bias", "H", SAME),
        ("cls/predictions/transform/LayerNorm/gamma", "masked_lm.layer_norm.gamma", "H", SAME),
        ("cls/predictions/transform/LayerNorm/beta", "masked_lm.layer_norm.beta", "H", SAME),
        ("cls/predictions/output_bias", "masked_lm.output_bias", "V", SAME),
    ),
    "next_sentence": (
        ("cls/seq_relationship/output_weights", "next_sentence.weight", "2 H", SAME),
        ("cls/seq_relationship/output_bias", "next_sentence.bias", "2", SAME),
    ),
    "classifier": (
        ("output_weights", "classifier.weight", "C H", SAME),
        ("output_bias", "classifier.bias", "C", SAME),
    ),
    "answer_span": (
        ("cls/squad/output_weights", "answer_span.weight", "2 H", SAME),
        ("cls/squad/output_bias", "answer_span.bias", "2", SAME),
    ),
}
_LAYER_NUMBER = re.compile(r"bert/encoder/layer_(\d+)/")
# Of google-research/bert's optimiser and of TensorFlow's own Adam.
_OF_OPTIMISER = re.compile(r".+/(adam_m|adam_v|Adam|Adam_1)|(global_step|beta1_power|beta2_power)")

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Row:
    """One tensor: Google's name and shape, the name here, and whether its two axes change places."""

    google: str
    here: str
    google_shape: tuple[int, ...]
    transposed: bool

    @property
    def shape_here(self) -> tuple[int, ...]:
        """The shape of the tensor here."""
        return self.google_shape[::-1] if self.transposed else self.google_shape

    def turn(self, array: np.ndarray) -> np.ndarray:
        """The same values in the other side's orientation, contiguous; both ways are the same turn."""
        return np.ascontiguousarray(array.T) if self.transposed else array


def table(model: ModelConfig, heads: Collection[str], classes: int) -> tuple[Row, ...]:
    """Every tensor of a BERT of this size with these heads; `classes` are those of its classifier."""
    sizes = {
        "V": model.vocab_size,
        "P": model.max_position_embeddings,
        "S": model.type_vocab_size,
        "H": model.hidden_size,
        "F": model.intermediate_size,
        "C": classes,
        "2": 2,
    }
    entries = list(_ENCODER)
    for number in range(model.num_hidden_layers):
        google, here = f"bert/encoder/layer_{number}/", f"bert.encoder.layers.{number}."
        entries += [(google + a, here + b, shape, turn) for a, b, shape, turn in _LAYER]
    for head in heads:
        entries += _HEADS[head]
    return tuple(_row(entry, sizes) for entry in entries)


def _row(entry: tuple[str, str, str, bool], sizes: Mapping[str, int]) -> Row:
    google, here, letters, transposed = entry
    return Row(google, here, tuple(sizes[letter] for letter in letters.split()), transposed)


def heads_of(names: Iterable[str]) -> tuple[str, ...]:
    """The heads of which at least one tensor is among these names, Google's or those here."""
    there = set(names)
    return tuple(
        head
        for head, entries in _HEADS.items()
        if any(there.intersection(names_of_tensor) for *names_of_tensor, _, _ in entries)
    )


def classes_of(shapes: Shapes) -> int:
    """Of the classifier, by Google's names or those here; 0 where there is none."""
    (weights, bias) = _HEADS["classifier"]
    found = [shapes[name] for name in (*weights[:2], *bias[:2]) if shapes.get(name)]
    return found[0][0] if found else 0


def sizes_of(google_shapes: Shapes) -> dict[str, int]:
    """Those sizes of a ModelConfig that a checkpoint's variables show; what they do not show is left out."""
    shown = {
        "vocab_size": ("bert/embeddings/word_embeddings", 0),
        "hidden_size": ("bert/embeddings/word_embeddings", 1),
        "max_position_embeddings": ("bert/embeddings/position_embeddings", 0),
        "type_vocab_size": ("bert/embeddings/token_type_embeddings", 0),
        "intermediate_size": ("bert/encoder/layer_0/intermediate/dense/bias", 0),
    }
    sizes = {
        size: google_shapes[name][axis]
        for size, (name, axis) in shown.items()
        if len(google_shapes.get(name, ())) > axis
    }
    layers = [int(match[1]) for match in map(_LAYER_NUMBER.match, google_shapes) if match]
    return {**sizes, "num_hidden_layers": max(layers) + 1} if layers else sizes


def of_optimiser(google_names: Iterable[str]) -> Counter[str]:
    """How many variables of each kind are the optimiser's: its moments of each weight, its step."""
    matches = map(_OF_OPTIMISER.fullmatch, google_names)
    return Counter(match[1] or match[2] for match in matches if match)


def without_optimiser(google_shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The variables that are a model's."""
    return {name: shape for name, shape in google_shapes.items() if not _OF_OPTIMISER.fullmatch(name)}
