"""Weights on disk: a directory with model.safetensors and the config.json that rebuilds the network.

Names are those of tinybert.model with "bert." before the encoder; heads (masked_lm, next_sentence, ...) stand
beside it, so that any stage can take the encoder of any other.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.artifacts import read_json, write_json
from tinybert.config import ModelConfig
from tinybert.stage import StageError

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
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


def write_model(directory: Path, files: dict[str, dict[str, np.ndarray]], info: dict[str, Any]) -> None:
    """Write a directory of safetensors files and config.json; it appears whole, or not at all.

    `files`: {file name: {tensor name: array}}.
    """
    from safetensors.numpy import save_file

    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, tensors in files.items():
        save_file(tensors, unfinished / name)
        _finish(unfinished / name)
    write_json(unfinished / CONFIG_FILE, {"schema": SCHEMA, **info})
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.replace(directory)


def _finish(path: Path) -> None:
    """Make sure that the file is on the disk, and readable as others are (the library makes it 0600)."""
    path.chmod(0o644)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a safetensors file. Raises StageError where it is cut or none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, json.JSONDecodeError, FileNotFoundError) as error:
        raise StageError(f"{path}: cannot be read as safetensors: {error}") from error


def load_parameters(
    parameters: dict[str, Any], tensors: dict[str, np.ndarray], source: Path, ignored: Iterable[str] = ()
) -> None:
    """Give each parameter {name: ms.Parameter} the tensor of its name.

    Raises StageError that lists names and shapes, and changes nothing, unless every parameter has a
    tensor of its shape, and every tensor a parameter or a name that starts with one of `ignored`.
    """
    given = {name: array for name, array in tensors.items() if not name.startswith(tuple(ignored))}
    problems = [
        f"missing: {name} {list(parameters[name].shape)}" for name in sorted(parameters.keys() - given.keys())
    ]
    problems += [
        f"unexpected: {name} {list(given[name].shape)}" for name in sorted(given.keys() - parameters.keys())
    ]
    for name in sorted(parameters.keys() & given.keys()):
        wanted, found = list(parameters[name].shape), list(given[name].shape)
        if wanted != found:
            problems.append(f"wrong shape: {name} is {found}, the model has {wanted}")
    if problems:
        raise StageError(f"{source} does not fit the model:\n  " + "\n  ".join(problems))
    for name, parameter in parameters.items():
        set_value(parameter, given[name])


def set_value(parameter: Any, value: np.ndarray) -> None:
    """Replace the value of a parameter, in its own type."""
    import mindspore as ms

    parameter.set_data(ms.Tensor(value.reshape(parameter.shape), parameter.dtype))
