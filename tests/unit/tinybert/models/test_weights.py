from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinybert.models.config import ModelConfig
from tinybert.models.weights import open_model, read_tensors, write_model
from tinybert.stages.stage import StageError

INFO = {"model": ModelConfig(10, 4, 1, 2, 8).to_dict(), "step": 3}
FILES = {"model.safetensors": {"x": np.arange(3, dtype=np.float32)}}


def test_a_model_rebuilds_its_configuration(tmp_path: Path) -> None:
    write_model(tmp_path / "m", FILES, INFO)
    saved = open_model(tmp_path / "m")
    assert saved.model == ModelConfig(10, 4, 1, 2, 8)
    assert saved.info["step"] == 3
    assert read_tensors(tmp_path / "m" / "model.safetensors")["x"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_what_is_missing_is_named_with_a_hint(tmp_path: Path) -> None:
    write_model(tmp_path / "out" / "teacher-final", FILES, INFO)
    with pytest.raises(StageError, match=r"config\.json is missing; did you mean .*teacher-final\?"):
        open_model(tmp_path / "out")
    with pytest.raises(StageError, match=r"nowhere: no model: config\.json is missing$"):
        open_model(tmp_path / "nowhere")


def test_a_configuration_of_another_schema_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m", FILES, {**INFO, "schema": 2})
    with pytest.raises(StageError, match="not a model configuration of schema 1"):
        open_model(tmp_path / "m")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m", FILES, INFO)
    path = tmp_path / "m" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(StageError, match=r"model\.safetensors: cannot be read as safetensors"):
        read_tensors(path)
