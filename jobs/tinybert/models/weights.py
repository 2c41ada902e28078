"""Weights on disk: a directory with model.safetensors and the config.json that rebuilds the network.

Names are those of tinybert.models.bert with "bert." before the encoder; heads (masked_lm, next_sentence, ...)
stand beside it, so that any stage can take the encoder of any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.models.config import ModelConfig
from tinybert.stages.artifacts import directory_by_rename, read_json, write_json
from tinybert.stages.stage import StageError

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
VOCABULARY_FILE = "vocab.txt"
# In config.json: false where `classifier` takes what is pooled, as Google's does, without TinyBERT's ReLU.
CLASSIFIER_RELU = "classifier_relu"
SCHEMA = 1


@dataclass(frozen=True)
class SavedModel:
    """A model directory that has been opened, but whose weights have not been read."""

    directory: Path
    model: ModelConfig
    info: dict[str, Any]


def open_model(directory: Path) -> SavedModel:
    """Read the configuration of a saved model. Raises StageError where `directory` holds none."""
    for name in (CONFIG_FILE, MODEL_FILE):
        if not (directory / name).is_file():
            inner = sorted(path.parent.name for path in directory.glob(f"*/{MODEL_FILE}"))
            hint = f"; did you mean {directory / inner[0]}?" if inner else ""
            raise StageError(f"{directory}: no model: {name} is missing{hint}")
    info = read_json(directory / CONFIG_FILE)
    if info is None or info.get("schema") != SCHEMA or not isinstance(info.get("model"), dict):
        raise StageError(f"{directory / CONFIG_FILE}: not a model configuration of schema {SCHEMA}")
    return SavedModel(directory, ModelConfig.from_dict(info["model"]), info)


def vocabulary_of(saved: SavedModel) -> bytes | None:
    """The vocabulary beside a model, if it is there."""
    path = saved.directory / VOCABULARY_FILE
    return path.read_bytes() if path.is_file() else None


def write_model(
    directory: Path,
    files: dict[str, dict[str, np.ndarray]],
    info: dict[str, Any],
    vocabulary: bytes | None = None,
) -> None:
    """Write a directory of safetensors files, config.json and vocab.txt; it appears whole, or not at all.

    `files`: {file name: {tensor name: array}}. `vocabulary`: content of vocab.txt, where there is to be one.
    """
    from safetensors.numpy import save_file

    with directory_by_rename(directory) as unfinished:
        for name, tensors in files.items():
            save_file(tensors, unfinished / name)
        if vocabulary is not None:
            (unfinished / VOCABULARY_FILE).write_bytes(vocabulary)
        write_json(unfinished / CONFIG_FILE, {"schema": SCHEMA, **info})


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a safetensors file. Raises StageError where it is cut or none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, json.JSONDecodeError, FileNotFoundError) as error:
        raise StageError(f"{path}: cannot be read as safetensors: {error}") from error


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a safetensors file, by name, without their values.

    Raises StageError where it is cut or none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            names = file.keys()
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, FileNotFoundError) as error:
        raise StageError(f"{path}: cannot be read as safetensors: {error}") from error


def load_parameters(
    parameters: dict[str, Any], tensors: dict[str, np.ndarray], source: Path, ignored: Iterable[str] = ()
) -> None:
    """Give each parameter {name: ms.Parameter} the tensor of its name.

    Raises StageError that lists names and shapes, and changes nothing, unless every parameter has a
    tensor of its shape, and every tensor a parameter or a name that starts with one of `ignored`.
    """
    given = {name: array for name, array in tensors.items() if not name.startswith(tuple(ignored))}
    problems = misfits(
        {name: parameter.shape for name, parameter in parameters.items()},
        {name: array.shape for name, array in given.items()},
    )
    if problems:
        raise StageError(f"{source} does not fit the model:\n  " + "\n  ".join(problems))
    for name, parameter in parameters.items():
        set_value(parameter, given[name])


def misfits(wanted: Mapping[str, Sequence[int]], given: Mapping[str, Sequence[int]]) -> list[str]:
    """What keeps tensors `given` {name: shape} from being those `wanted`: a line for each."""
    problems = [f"missing: {name} {list(wanted[name])}" for name in sorted(wanted.keys() - given.keys())]
    problems += [f"unexpected: {name} {list(given[name])}" for name in sorted(given.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & given.keys()):
        if tuple(wanted[name]) != tuple(given[name]):
            problems.append(f"wrong shape: {name} is {list(given[name])}, the model has {list(wanted[name])}")
    return problems


def set_value(parameter: Any, value: np.ndarray) -> None:
    """Replace the value of a parameter, in its own type."""
    import mindspore as ms

    parameter.set_data(ms.Tensor(value.reshape(parameter.shape), parameter.dtype))
