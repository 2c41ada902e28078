from __future__ import annotations

import json
import stat
import subprocess
import sys

import numpy as np
import pytest
from tinybert import export
from tinybert.delivery.comparison import sample_batches
from tinybert.delivery.description import Description
from tinybert.delivery.exported import Shape, open_exported
from tinybert.delivery.runners import checkpoint_runner, exported_runner
from tinybert.models.weights import open_model
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.stage import StageError
from tinybert.tasks.records import Target

from tests.unit.tinybert.small_models import LENGTH, SIZE, SST2, oracle, write_small_model

TAGS = Target("cluener", "tags", ("O", "B-name", "I-name"))


def run(form, model, out, *more):
    export.main([f"--format={form}", f"--model={model}", f"--out={out}", "--device=cpu", *more])


def batch(rows, length):
    description = Description(SIZE, SST2, length, True)
    return sample_batches(description, Shape(rows, length))[1]


@pytest.mark.mindspore
@pytest.mark.parametrize(("form", "shape"), [("mindir", (5, 7)), ("mindir", (1, 16)), ("onnx", (3, LENGTH))])
def test_graph_gives_what_an_independent_bert_gives(exports, form, shape):
    exported = open_exported(exports[form])
    inputs = batch(*shape)
    (logits,) = exported_runner(exported, exported.shape)(inputs)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, oracle(SST2, *inputs)[0], atol=1e-4)


@pytest.mark.mindspore
def test_directory_holds_all_that_belongs_to_the_model(exports):
    directory = exports["onnx"]
    manifest = json.loads((directory / "manifest.json").read_text())
    names = {"model.onnx", "config.json", "vocab.txt", "samples.npz"}
    assert {path.name for path in directory.iterdir()} == {*names, "manifest.json"}
    assert manifest["files"] == {
        name: {"bytes": (directory / name).stat().st_size, "sha256": sha256_of(directory / name)}
        for name in names
    }
    assert manifest["compared"]["shapes"] == [[3, LENGTH], [3, LENGTH]]
    assert 0 <= manifest["compared"]["largest_difference"] <= manifest["compared"]["tolerance"] == 1e-4
    config = json.loads((directory / "config.json").read_text())
    assert config["inputs"] == {
        "names": ["input_ids", "segment_ids", "input_mask"],
        "type": "int32",
        "shape": [3, LENGTH],
    }
    assert config["target"]["labels"] == ["0", "1"]
    assert stat.S_IMODE(directory.stat().st_mode) & 0o055 == 0o055
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o644}


@pytest.mark.mindspore
def test_samples_are_inputs_and_outputs_of_the_checkpoint(exports):
    samples = np.load(exports["mindir"] / "samples.npz")
    inputs = [samples[f"{name}_0"] for name in ("input_ids", "segment_ids", "input_mask")]
    np.testing.assert_allclose(samples["logits_0"], oracle(SST2, *inputs)[0], atol=1e-4)


@pytest.mark.mindspore
def test_encoder_without_its_heads(tmp_path):
    model = write_small_model(tmp_path / "student", None, heads=("masked_lm",))
    run("mindir", model, tmp_path / "out")
    exported = open_exported(tmp_path / "out")
    assert exported.description.target is None
    inputs = batch(2, 6)
    found = exported_runner(exported, exported.shape)(inputs)
    for values, expected in zip(found, oracle(None, *inputs), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-4)


@pytest.mark.mindspore
def test_tags_are_by_row_and_token(tmp_path):
    saved = open_model(write_small_model(tmp_path / "tagger", TAGS))
    inputs = batch(2, 6)
    description = Description(SIZE.without_dropout(), TAGS, LENGTH, True)
    (logits,) = checkpoint_runner(saved, description, Shape())(inputs)
    np.testing.assert_allclose(logits, oracle(TAGS, *inputs)[0], atol=1e-4)


@pytest.mark.mindspore
def test_graph_that_differs_is_refused(exports, tmp_path, monkeypatch):
    def slightly_wrong(exported, shape):
        right = exported_runner(exported, shape)
        return lambda inputs: [output + np.float32(0.001) for output in right(inputs)]

    monkeypatch.setattr(export, "exported_runner", slightly_wrong)
    with pytest.raises(StageError, match=r"differs from the checkpoint: logits by up to 0\.00\d"):
        run("mindir", exports["checkpoint"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_not_made_again(exports, monkeypatch, capsys):
    monkeypatch.setattr(export, "start", None)
    run("mindir", exports["checkpoint"], exports["mindir"])
    assert "mindir is up to date" in capsys.readouterr().err


@pytest.mark.parametrize("more", ["--batch-size=2", "--max-seq-length=8", "--tolerance=1e-9"])
def test_another_export_is_not_overwritten(exports, more):
    with pytest.raises(StageError, match="is there already, and is not this export"):
        run("onnx", exports["checkpoint"], exports["onnx"], "--batch-size=3", more)


def test_air_needs_ascend(exports, tmp_path):
    with pytest.raises(StageError, match="MindSpore writes AIR on Ascend alone"):
        run("air", exports["checkpoint"], tmp_path / "out")


def test_more_tokens_than_positions(exports, tmp_path):
    with pytest.raises(StageError, match=r"--max-seq-length 17 is more than the model's 16 positions"):
        run("mindir", exports["checkpoint"], tmp_path / "out", "--max-seq-length=17")


def test_mindspore_is_not_imported_for_what_is_wrong(tmp_path):
    code = "import sys; sys.modules['mindspore'] = None; from tinybert.export import main; main()"
    options = [f"--model={tmp_path}", "--format=mindir", f"--out={tmp_path / 'out'}"]
    result = subprocess.run(
        [sys.executable, "-c", code, *options],
        env={"PYTHONPATH": "jobs"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no model: config.json is missing" in result.stderr
