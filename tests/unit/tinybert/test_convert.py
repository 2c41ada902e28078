"""The command: checkpoint to model directory and back, bit by bit, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinybert import convert
from tinybert.conversion.tensor_table import table
from tinybert.conversion.tf_checkpoint import TensorFlowCheckpoint, write_checkpoint
from tinybert.models.config import ModelConfig
from tinybert.models.weights import open_model, read_tensors, write_model
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.stage import run_stage

from tests.unit.tinybert.plain_bert import random_variables, write_bert
from tests.unit.tinybert.tensorflow_here import needs_tensorflow

pytestmark = needs_tensorflow
JOBS = Path(__file__).parents[3] / "jobs"
BERTS = Path(__file__).parents[4] / "shared" / "data" / "bert"
real_data = pytest.mark.skipif(not BERTS.is_dir(), reason=f"needs the checkpoints in {BERTS}")
MODEL = ModelConfig(12, 6, 2, 3, 20, max_position_embeddings=16)
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + "".join(f"t{number}\n" for number in range(5, 12))


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("RANK_SIZE", "MS_ROLE", "LAUNCHER_LOG_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def variables():
    return random_variables(MODEL.to_dict())


@pytest.fixture
def bert(tmp_path):
    """A directory as Google's archives have it, with `variables`."""
    return write_bert(tmp_path / "google", MODEL).parent


def run(*words):
    return run_stage(lambda: convert.main(list(map(str, words))))


def forth(directory, out, *words):
    return run("--checkpoint", directory / "bert_model.ckpt", "--out", out, *words)


def refusal(capsys, *words):
    capsys.readouterr()
    assert run(*words) == 2
    return capsys.readouterr().err


def variables_of(prefix):
    checkpoint = TensorFlowCheckpoint(prefix)
    return {name: checkpoint.read(name) for name in checkpoint.shapes}


def assert_same_bits(first, second):
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert values.dtype == second[name].dtype == np.float32, name
        assert np.array_equal(values.view(np.uint32), second[name].view(np.uint32)), name


def test_there_and_back_is_equal_bit_by_bit(bert, tmp_path, variables):
    variables["bert/pooler/dense/kernel"][0, 1:3] = [-0.0, 1e-42]  # bits that arithmetic would lose
    write_checkpoint(bert / "bert_model.ckpt", variables)
    assert forth(bert, tmp_path / "here") == 0
    assert run("--model", tmp_path / "here", "--out", tmp_path / "there") == 0
    assert_same_bits(variables_of(tmp_path / "there" / "bert_model.ckpt"), variables)
    assert (tmp_path / "there" / "vocab.txt").read_text() == VOCABULARY
    assert forth(tmp_path / "there", tmp_path / "again") == 0
    for name in ("model.safetensors", "vocab.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert open_model(tmp_path / "again").model == open_model(tmp_path / "here").model == MODEL


def test_variables_of_the_optimiser_are_dropped_and_counted(bert, tmp_path, variables, capsys):
    slots = {f"{name}/{slot}": values for name, values in variables.items() for slot in ("adam_m", "adam_v")}
    write_checkpoint(bert / "bert_model.ckpt", {**variables, **slots, "global_step": np.int64(7)})
    assert forth(bert, tmp_path / "here") == 0
    number = len(variables)
    said = capsys.readouterr().err
    dropped = f"adam_m {number}, adam_v {number}, global_step 1"
    assert f"{2 * number + 1} variables of the optimiser dropped: {dropped}\n" in said
    assert f"{number} tensors" in said and said.endswith("vocabulary of 12; masked_lm, next_sentence\n")
    assert len(read_tensors(tmp_path / "here" / "model.safetensors")) == number


@pytest.mark.parametrize(
    ("head", "scope", "classes"), [("classifier", "", 3), ("answer_span", "cls/squad/", 2)]
)
def test_a_fine_tuned_head(bert, tmp_path, variables, capsys, head, scope, classes):
    tuned = {name: values for name, values in variables.items() if not name.startswith("cls/")}
    weights = np.arange(classes * 6, dtype=np.float32).reshape(classes, 6)
    tuned |= {f"{scope}output_weights": weights, f"{scope}output_bias": weights[:, 0].copy()}
    write_checkpoint(bert / "bert_model.ckpt", tuned)
    assert forth(bert, tmp_path / "here") == 0
    assert f"; {head}" in capsys.readouterr().err
    tensors = read_tensors(tmp_path / "here" / "model.safetensors")
    assert np.array_equal(tensors[f"{head}.weight"], weights)
    assert np.array_equal(tensors[f"{head}.bias"], weights[:, 0])
    assert run("--model", tmp_path / "here", "--out", tmp_path / "there") == 0
    assert_same_bits(variables_of(tmp_path / "there" / "bert_model.ckpt"), tuned)


def test_an_encoder_alone_with_what_google_has_nothing_like(tmp_path, capsys):
    tensors = {row.here: np.ones(row.shape_here, np.float32) for row in table(MODEL, (), 0)}
    files = {
        "model.safetensors": tensors,
        "fit_dense.safetensors": {"fit_dense.bias": np.ones(6, np.float32)},
    }
    write_model(tmp_path / "student", files, {"model": MODEL.to_dict()})
    assert "vocab.txt is missing: give the vocabulary of this model by --vocab" in refusal(
        capsys, "--model", tmp_path / "student", "--out", tmp_path / "there"
    )
    (tmp_path / "v.txt").write_text(VOCABULARY)
    words = ("--model", tmp_path / "student", "--out", tmp_path / "there", "--vocab", tmp_path / "v.txt")
    assert run(*words) == 0
    said = capsys.readouterr().err
    assert "fit_dense.safetensors is left out: Google's BERT has nothing like it\n" in said
    assert said.endswith("encoder alone\n")
    assert len(variables_of(tmp_path / "there" / "bert_model.ckpt")) == len(tensors)


def test_a_classifier_behind_a_relu_is_not_passed_off_as_googles(tmp_path, capsys):
    tensors = {row.here: np.ones(row.shape_here, np.float32) for row in table(MODEL, ("classifier",), 2)}
    info = {"model": MODEL.to_dict()}
    write_model(tmp_path / "tuned", {"model.safetensors": tensors}, info, VOCABULARY.encode())
    assert run("--model", tmp_path / "tuned", "--out", tmp_path / "there") == 0
    assert "classifier is left out: it was trained behind a ReLU" in capsys.readouterr().err
    variables = variables_of(tmp_path / "there" / "bert_model.ckpt")
    assert len(variables) == len(tensors) - 2
    assert "output_weights" not in variables


def test_a_second_run_changes_nothing_and_other_input_is_refused(bert, tmp_path, variables, capsys):
    out = tmp_path / "here"
    assert forth(bert, out) == 0
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert forth(bert, out) == 0
    assert capsys.readouterr().err.endswith(f"{out} is up to date\n")
    assert (
        run("--model", out, "--out", tmp_path / "there")
        == run("--model", out, "--out", tmp_path / "there")
        == 0
    )
    assert capsys.readouterr().err.endswith("there is up to date\n")
    write_checkpoint(
        bert / "bert_model.ckpt", {**variables, "cls/predictions/output_bias": np.ones(12, np.float32)}
    )
    words = ("--checkpoint", bert / "bert_model.ckpt")
    message = "is there already, and is not what these files give: give another --out"
    for place in (out, tmp_path / "there", tmp_path, bert / "vocab.txt"):
        assert f"{place} {message}" in refusal(capsys, *words, "--out", place)
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    (out / "model.safetensors").unlink()
    assert message in refusal(capsys, "--checkpoint", bert / "bert_model.ckpt", "--out", out)


@pytest.mark.parametrize("way", ["forth", "back"])
def test_killed_while_writing_it_leaves_nothing_that_looks_whole(bert, tmp_path, monkeypatch, way):
    class Killed(BaseException):
        pass

    def dies(*_words):
        raise Killed

    assert forth(bert, tmp_path / "here") == 0
    words = {
        "forth": ("--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "out"),
        "back": ("--model", tmp_path / "here", "--out", tmp_path / "out"),
    }[way]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("tinybert.stages.artifacts.os.fsync", dies)
        run(*words)
    assert not (tmp_path / "out").exists()
    assert run(*words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["google", "here", "out"]


def test_vocabularies_that_are_not_the_models(bert, tmp_path, capsys):
    words = ("--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "here")
    (bert / "vocab.txt").write_text(VOCABULARY + "h\n")
    message = refusal(capsys, *words)
    assert f"vocab.txt has 13 tokens, but {bert / 'bert_config.json'} says vocab_size 12" in message
    other = tmp_path / "other.txt"
    other.write_text(VOCABULARY)
    assert run(*words, "--vocab", other) == 0
    assert json.loads((tmp_path / "here" / "config.json").read_text())["vocab_sha256"] == sha256_of(other)
    other.write_text(VOCABULARY.replace("t11", "h"))
    back = ("--model", tmp_path / "here", "--out", tmp_path / "there", "--vocab", other)
    assert "other.txt is not the vocabulary that" in refusal(capsys, *back)
    assert not (tmp_path / "there").exists()


def test_configuration_and_vocabulary_are_asked_for(bert, tmp_path, capsys):
    words = ("--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "here")
    for name, option in (("vocab.txt", "--vocab"), ("bert_config.json", "--config")):
        (bert / name).rename(tmp_path / name)
        assert f"{name} is missing; give {option}\n" in refusal(capsys, *words)
    assert run(*words, "--vocab", tmp_path / "vocab.txt", "--config", tmp_path / "bert_config.json") == 0


def test_models_that_google_cannot_have(bert, tmp_path, capsys):
    assert forth(bert, tmp_path / "here") == 0
    words = ("--model", tmp_path / "here", "--out", tmp_path / "there")
    assert "--config is for --checkpoint alone" in refusal(
        capsys, *words, "--config", bert / "bert_config.json"
    )
    config = tmp_path / "here" / "config.json"
    config.write_text(config.read_text().replace("1e-12", "1e-07"))
    assert "layer_norm_eps is 1e-07, but Google's BERT always has 1e-12" in refusal(capsys, *words)
    assert not (tmp_path / "there").exists()


def test_weights_that_are_no_numbers_are_refused(bert, tmp_path, variables, capsys):
    variables["bert/pooler/dense/bias"][2] = np.nan
    variables["cls/predictions/output_bias"][0] = np.inf
    write_checkpoint(bert / "bert_model.ckpt", variables)
    message = refusal(capsys, "--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "here")
    assert "bert_model.ckpt holds NaN or infinity" in message
    assert message.endswith(":\n  bert/pooler/dense/bias\n  cls/predictions/output_bias\n")
    assert not (tmp_path / "here").exists()


def test_several_ranks_are_refused(bert, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RANK_SIZE", "2")
    assert "single task" in refusal(
        capsys, "--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "here"
    )


def test_it_needs_neither_mindspore_nor_what_the_other_stages_need(bert, tmp_path):
    program = "import sys; from tinybert import convert; from tinybert.stages.stage import run_stage\n"
    program += "absent = ['mindspore', 'numba', 'google_crc32c', 'tokenizers', 'sentencex']\n"
    program += "sys.modules.update(dict.fromkeys(absent)); sys.exit(run_stage(convert.main))"
    result = subprocess.run(
        [sys.executable, "-c", program, "--checkpoint", bert / "bert_model.ckpt", "--out", tmp_path / "here"],
        env={**os.environ, "PYTHONPATH": str(JOBS)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith(f"{tmp_path / 'here'}: 46 tensors")  # and no word of TensorFlow's


@real_data
def test_the_real_checkpoint(tmp_path, capsys):
    real = BERTS / "tiny_L-2_H-4_A-4"
    assert forth(real, tmp_path / "here") == 0
    assert (
        "93 variables of the optimiser dropped: adam_m 46, adam_v 46, global_step 1\n"
        in capsys.readouterr().err
    )
    assert run("--model", tmp_path / "here", "--out", tmp_path / "there") == 0
    original = variables_of(real / "bert_model.ckpt")
    model = {
        name: values for name, values in original.items() if "adam" not in name and name != "global_step"
    }
    assert_same_bits(variables_of(tmp_path / "there" / "bert_model.ckpt"), model)


@real_data
def test_the_chinese_model_without_its_values(tmp_path, capsys):
    chinese = BERTS / "chinese_L-12_H-768_A-12_index_only"
    message = refusal(capsys, "--checkpoint", chinese / "bert_model.ckpt", "--out", tmp_path / "here")
    assert "incomplete: bert_model.ckpt.data-… (which holds the values) not in" in message
    for path in chinese.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "bert_model.ckpt.data-00000-of-00001").write_bytes(bytes(1000))
    message = refusal(capsys, "--checkpoint", tmp_path / "bert_model.ckpt", "--out", tmp_path / "here")
    assert (
        "cut or damaged; fetch or unpack it again (bert/embeddings/word_embeddings: " in message
    )  # 206 fitted
    assert not (tmp_path / "here").exists()
