from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinybert import predict
from tinybert.delivery.exported import Shape
from tinybert.delivery.prediction import batch_of, open_task_model, read_texts
from tinybert.stages.rank import Rank
from tinybert.stages.stage import StageError
from tinybert.tasks.features import RecordMaker
from tinybert.tasks.tasks import TASKS
from tinybert.text.tokenization import load_vocabulary

from tests.unit.tinybert.small_models import LENGTH, SST2, oracle, write_small_model

JOBS = Path(__file__).parents[3] / "jobs"
TEXTS = [
    "Good films, very good.",
    "bad",
    "",
    "the film , the film , the film , the film the",
    "文文 unknowñ ☃",
]
RUN = """
import sys
sys.modules["mindspore"] = None  # importing it raises ImportError
from tinybert.predict import main
from tinybert.stages.stage import run_stage
sys.exit(run_stage(main))
"""


def run(capsysbinary, *options):
    predict.main(["--device=cpu", *options])
    captured = capsysbinary.readouterr()
    return captured.out.decode(), captured.err.decode()


def run_without_mindspore(*options, stdin=b""):
    return subprocess.run(
        [sys.executable, "-c", RUN, *options],
        input=stdin,
        env={**os.environ, "PYTHONPATH": str(JOBS)},
        capture_output=True,
        timeout=60,
        check=False,
    )


def shares(exports):
    """By the oracle, each text by itself."""
    vocabulary = load_vocabulary(exports["checkpoint"] / "vocab.txt")
    maker = RecordMaker(TASKS["sst2"], vocabulary, lower_case=True, length=LENGTH)
    logits = [oracle(SST2, *batch_of(maker, [(text,)], Shape()))[0][0] for text in TEXTS]
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.mindspore
@pytest.mark.parametrize("form", ["checkpoint", "mindir", "onnx"])
def test_same_answers_from_each_form(exports, capsysbinary, form):
    out, err = run(capsysbinary, f"--model={exports[form]}", "--json", "--batch-size=2", *TEXTS)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["texts"] for line in lines] == [[text] for text in TEXTS]
    expected = shares(exports)
    found = [[line["probabilities"]["0"], line["probabilities"]["1"]] for line in lines]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [line["label"] for line in lines] == [str(best) for best in expected.argmax(1)]
    assert [line["probability"] for line in lines] == [max(each) for each in found]
    assert "5 texts, 1 cut off at the longest length, 1 with nothing to read, " in err


def test_onnx_needs_no_mindspore(exports, tmp_path):
    (tmp_path / "texts").write_text("good film\r\nbad\n", "utf-8")
    model = f"--model={exports['onnx']}"
    result = run_without_mindspore(model, f"--input={tmp_path / 'texts'}")
    assert result.returncode == 0, result.stderr.decode()
    columns = [line.split("\t") for line in result.stdout.decode().splitlines()]
    assert [line[2] for line in columns] == ["good film", "bad"]
    assert {line[0] for line in columns} <= {"0", "1"}
    again = run_without_mindspore(model, f"--out={tmp_path / 'out'}", stdin=b"good film\nbad")
    assert (again.returncode, again.stdout) == (0, b"")
    assert (tmp_path / "out").read_bytes() == result.stdout


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"good\nbad\tfilm\n", b"error: stdin:2: 1 tabs, but sst2 needs one text, without tabs"),
        (b"good\n\xff\n", b"error: stdin:2: not UTF-8"),
    ],
)
def test_wrong_lines_are_named_and_no_file_appears(exports, tmp_path, stdin, message):
    result = run_without_mindspore(f"--model={exports['onnx']}", f"--out={tmp_path / 'out'}", stdin=stdin)
    assert (result.returncode, message in result.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vocab.txt", "config.json", "model.onnx"])
def test_files_of_different_exports_are_refused(exports, tmp_path, name):
    directory = shutil.copytree(exports["onnx"], tmp_path / "copy")
    with (directory / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(StageError, match=f"{name} is not the file that was exported"):
        predict.main([f"--model={directory}", "text"])
    (directory / name).unlink()
    with pytest.raises(StageError, match=f"{name} is missing; an exported model's files belong together"):
        predict.main([f"--model={directory}", "text"])


@pytest.mark.parametrize("more", ["--cased", "--task=sst2", "--vocab=vocab.txt"])
def test_exported_model_says_all_by_itself(exports, more):
    with pytest.raises(StageError, match="onnx says all by itself: leave out --vocab, --task"):
        predict.main([f"--model={exports['onnx']}", more, "text"])


def test_encoder_gives_no_labels(tmp_path):
    model = write_small_model(tmp_path / "student", None)
    with pytest.raises(StageError, match="an encoder without a classifier gives no labels"):
        predict.main([f"--model={model}", "text"])


def test_directory_that_is_no_model(tmp_path):
    with pytest.raises(StageError, match=r"no model: config\.json is missing"):
        predict.main([f"--model={tmp_path}", "text"])


def test_argument_that_is_not_utf8(exports):
    with pytest.raises(StageError, match="is not UTF-8"):
        predict.main([f"--model={exports['onnx']}", "\udcff"])


def test_missing_input(exports, tmp_path):
    with pytest.raises(StageError, match=r"input .*none does not exist"):
        predict.main([f"--model={exports['onnx']}", f"--input={tmp_path / 'none'}"])


@pytest.mark.parametrize(
    ("out", "what"), [("texts", "input"), ("words", "vocabulary"), ("model/vocab.txt", "model")]
)
def test_no_input_is_overwritten(exports, tmp_path, out, what):
    shutil.copytree(exports["onnx"], tmp_path / "model")
    for name in ("texts", "words"):
        (tmp_path / name).write_text("good film\n")
    options = {"model": "model", "input": "texts", "vocab": "words", "out": out}
    with pytest.raises(StageError, match=f"{out} is the {what} itself: name another"):
        predict.main([f"--{name}={tmp_path / path}" for name, path in options.items()])


def test_ascend_which_compiles_each_shape_gets_one(tmp_path):
    model = open_task_model(write_small_model(tmp_path / "model", SST2))
    assert predict.batch_shape(model, Rank(device="Ascend"), 8) == Shape(8, LENGTH)
    assert predict.batch_shape(model, Rank(device="CPU"), 8) == Shape()


def test_pairs():
    assert list(read_texts(["a\tb"], "f", "rte")) == [("a", "b")]
    with pytest.raises(StageError, match="f:2: 0 tabs, but rte needs two texts with a tab between them"):
        list(read_texts(["a\tb", "a"], "f", "rte"))


def test_batches_are_as_long_as_their_longest_text_or_as_the_graph(exports):
    vocabulary = load_vocabulary(exports["checkpoint"] / "vocab.txt")
    maker = RecordMaker(TASKS["rte"], vocabulary, lower_case=True, length=LENGTH)
    given = [("good", "bad film"), ("good", "bad")]
    ids, segments, mask = batch_of(maker, given, Shape())
    assert ids.tolist() == [[2, 5, 3, 6, 7, 3], [2, 5, 3, 6, 3, 0]]
    assert segments.tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]]
    assert mask.tolist() == [[1] * 6, [1] * 5 + [0]]
    ids, *_ = batch_of(maker, given, Shape(4, 8))
    assert ids.shape == (4, 8)
    assert ids[1:].tolist() == [[2, 5, 3, 6, 3, 0, 0, 0]] * 3
