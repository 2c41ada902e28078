"""Which rows of the tensor table the variables of a checkpoint, or the tensors of a model, are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tinybert.conversion.tensor_table import (
    Row,
    Shapes,
    classes_of,
    heads_of,
    sizes_of,
    table,
    without_optimiser,
)
from tinybert.models.config import ModelConfig
from tinybert.models.weights import misfits
from tinybert.stages.stage import StageError

_OBJECT_BASED = "_CHECKPOINTABLE_OBJECT_GRAPH"
_MOST_NAMED = 20


def rows_of_checkpoint(
    prefix: Path, shapes: Shapes, types: Mapping[str, str], model: ModelConfig, config: Path
) -> tuple[Row, ...]:
    """One row for each variable {name: shape} that is not the optimiser's; `config` is the file of `model`.

    Raises StageError that names the sizes, variables or types that do not fit.
    """
    weights = without_optimiser(shapes)
    _check_form(prefix, weights)
    _check_sizes(prefix, sizes_of(weights), model, config)
    rows = table(model, heads_of(weights), classes_of(weights))
    problems = misfits({row.google: row.google_shape for row in rows}, weights)
    if problems:
        raise StageError(f"{prefix} is not a BERT of Google's:{listed(problems)}")
    others = [f"{row.google} is {types[row.google]}" for row in rows if types[row.google] != "float32"]
    if others:
        raise StageError(f"{prefix}: weights must be float32:{listed(others)}")
    return rows


def rows_of_model(directory: Path, shapes: Shapes, model: ModelConfig) -> tuple[Row, ...]:
    """One row for each tensor {name: shape} of a model directory.

    Raises StageError that names the tensors that do not fit.
    """
    rows = table(model, heads_of(shapes), classes_of(shapes))
    problems = misfits({row.here: row.shape_here for row in rows}, shapes)
    if problems:
        raise StageError(f"{directory} has no counterpart among Google's BERTs:{listed(problems)}")
    return rows


def listed(lines: list[str]) -> str:
    """The first lines, each on one of its own, and how many more there are."""
    more = [f"… and {len(lines) - _MOST_NAMED} more"] if len(lines) > _MOST_NAMED else []
    return "".join(f"\n  {line}" for line in [*lines[:_MOST_NAMED], *more])


def _check_form(prefix: Path, shapes: Shapes) -> None:
    """Raise StageError where the variables are not named as Google's scripts name those of a BERT."""
    if _OBJECT_BASED in shapes:
        raise StageError(
            f"{prefix} is an object-based checkpoint of TensorFlow 2 (Keras), with names of a program's "
            "objects; take the model in Google's original form, with variables such as bert/embeddings/…"
        )
    if not {"hidden_size", "num_hidden_layers"} <= sizes_of(shapes).keys():
        raise StageError(
            f"{prefix} is not a BERT of Google's: it has no bert/embeddings/word_embeddings or no "
            f"bert/encoder/layer_0, but:{listed(sorted(shapes))}"
        )


def _check_sizes(prefix: Path, found: Mapping[str, int], model: ModelConfig, config: Path) -> None:
    different = [
        f"{name} is {size} in the checkpoint, {getattr(model, name)} in {config.name}"
        for name, size in found.items()
        if size != getattr(model, name)
    ]
    if different:
        raise StageError(f"{config} is not the configuration of {prefix}:{listed(different)}")
