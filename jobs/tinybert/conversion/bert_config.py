"""bert_config.json, as Google's BertConfig reads it."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinybert.models.config import ModelConfig
from tinybert.stages.artifacts import write_json
from tinybert.stages.stage import StageError
from tinybert.text.lines import require_file

GOOGLE_EPSILON = 1e-12  # of LayerNorm: written into modeling.py, so its configuration does not have it
_ACTIVATION = "gelu"


def read_bert_config(path: Path) -> ModelConfig:
    """The sizes in a bert_config.json; names that only other programs know are passed over.

    Raises StageError for what is no such file, lacks a size, or is of another network.
    """
    require_file(path, "configuration")
    values = _object(path)
    known = {field.name: field.type for field in fields(ModelConfig) if field.name in values}
    wrong = [
        f"{name} is {json.dumps(values[name])}, not a {'whole ' if kind == 'int' else ''}number"
        for name, kind in known.items()
        if not _is_number(values[name], whole=kind == "int")
    ]
    activation = values.get("hidden_act", _ACTIVATION)
    if activation != _ACTIVATION:
        wrong.append(f"hidden_act is {json.dumps(activation)}, but the model here has {_ACTIVATION} alone")
    if wrong:
        raise StageError(f"{path}: " + "; ".join(wrong))
    try:
        return ModelConfig.from_dict({name: values[name] for name in known})
    except StageError as error:
        raise StageError(f"{path}: {error}") from error


def write_bert_config(path: Path, model: ModelConfig) -> None:
    """Write what Google's scripts need. Raises StageError where they would build another network."""
    if model.layer_norm_eps != GOOGLE_EPSILON:
        raise StageError(
            f"the model's layer_norm_eps is {model.layer_norm_eps}, "
            f"but Google's BERT always has {GOOGLE_EPSILON}"
        )
    values: dict[str, Any] = {"hidden_act": _ACTIVATION, **model.to_dict()}
    del values["layer_norm_eps"]
    write_json(path, dict(sorted(values.items())))


def _is_number(value: Any, whole: bool) -> bool:
    return type(value) is int or (type(value) is float and not whole)


def _object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise StageError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: not JSON: {error.reason} at byte {error.start}") from error
    if not isinstance(values, dict):
        raise StageError(f"{path}: not a bert_config.json: a JSON {type(values).__name__}, not an object")
    return values
