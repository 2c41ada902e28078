"""Model directories with random weights, and what they answer by the NumPy oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tinybert.conversion.tensor_table import table
from tinybert.models.config import ModelConfig
from tinybert.models.weights import write_model
from tinybert.stages.artifacts import sha256_of
from tinybert.tasks.records import Target
from tinybert.text.tokenization import SPECIAL_TOKENS

from tests.unit.tinybert import plain_bert

WORDS = ("good", "bad", "film", "the", "##s", "##ly", "very", ",", ".", "文")
SIZE = ModelConfig(50, 16, 2, 2, 32, max_position_embeddings=16)
SST2 = Target("sst2", "classes", ("0", "1"))
LENGTH = 12


def vocabulary() -> bytes:
    """50 tokens: the special ones, words, letters."""
    tokens = [*SPECIAL_TOKENS, *WORDS, *"abcdefghijklmnopqrstuvwxyz"]
    tokens += [f"[unused{number}]" for number in range(SIZE.vocab_size - len(tokens))]
    return "".join(f"{token}\n" for token in tokens).encode()


def variables_of(target: Target | None, seed: int = 5) -> dict[str, np.ndarray]:
    """Random weights by Google's names; with a classifier where there is a task."""
    variables = plain_bert.random_variables(SIZE.to_dict(), seed)
    if target is not None:
        rng = np.random.default_rng(seed + 1)
        shape = (target.outputs, SIZE.hidden_size)
        variables["output_weights"] = rng.normal(0, 0.5, shape).astype(np.float32)
        variables["output_bias"] = rng.normal(0, 0.5, shape[:1]).astype(np.float32)
    return variables


def write_small_model(
    directory: Path, target: Target | None, /, heads: tuple[str, ...] = (), **info: Any
) -> Path:
    """A model directory as finetune leaves it; for target None an encoder. `info` changes its config.json."""
    directory.mkdir(parents=True)
    (directory / "vocab.txt").write_bytes(vocabulary())
    info = {
        "model": SIZE.to_dict(),
        "vocab_sha256": sha256_of(directory / "vocab.txt"),
        "max_seq_length": LENGTH,
        "lower_case": True,
        "target": target and target.to_dict(),
        **info,
    }
    rows = table(SIZE, ("classifier", *heads) if target else heads, target.outputs if target else 0)
    variables = variables_of(target)
    tensors = {row.here: np.ascontiguousarray(row.turn(variables[row.google])) for row in rows}
    write_model(directory, {"model.safetensors": tensors}, info, vocabulary())
    return directory


def oracle(
    target: Target | None, ids: np.ndarray, segments: np.ndarray, mask: np.ndarray
) -> list[np.ndarray]:
    """What the model of `write_small_model` answers: logits of its task, or hidden states and pooled."""
    variables = variables_of(target)
    positions = np.zeros((len(ids), 1), np.int32)
    outputs = plain_bert.run(variables, SIZE.num_attention_heads, ids, segments, mask, positions)
    if target is None:
        return [outputs.hidden[-1], outputs.pooled]
    states = outputs.hidden[-1] if target.kind == "tags" else np.maximum(outputs.pooled, 0)
    return [states @ variables["output_weights"].T + variables["output_bias"]]
