"""The stages as a whole, in this process, with a network of toy size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tinybert import convert, general_distill, pretrain
from tinybert.models.config import PROFILES, ModelConfig, Profile, TrainConfig
from tinybert.models.weights import open_model, read_tensors, write_model
from tinybert.records.tfrecord import read_records, write_record
from tinybert.stages.stage import StageError
from tinybert.training.loop import NonFiniteError

from tests.unit.tinybert.plain_bert import write_bert
from tests.unit.tinybert.tensorflow_here import needs_tensorflow

pytestmark = [pytest.mark.mindspore, pytest.mark.usefixtures("alone")]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _toy_profile(
    monkeypatch: pytest.MonkeyPatch, student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    train = TrainConfig(batch_size=8, learning_rate=0.01)
    monkeypatch.setitem(PROFILES, "tiny", Profile(teacher_size, student_size, *[train] * 5))


@pytest.fixture
def data(write_records: Write) -> Path:
    return write_records()


@pytest.fixture
def teacher(tmp_path: Path, teacher_size: ModelConfig) -> Path:
    """A teacher as tinybert.pretrain leaves it, but with random weights: it need not be good here."""
    from tinybert.models.bert import BertForPreTraining

    parameters = BertForPreTraining(teacher_size).parameters_and_names()
    tensors = {name: parameter.asnumpy() for name, parameter in parameters}
    directory = tmp_path / "teacher" / "teacher-final"
    write_model(directory, {"model.safetensors": tensors}, {"model": teacher_size.to_dict()})
    return directory


def _common(data: Path, output: Path) -> list[str]:
    return ["--data", str(data), "--output", str(output), "--device", "cpu"]


def _distill(data: Path, output: Path, teacher: Path, *more: str) -> None:
    general_distill.main([*_common(data, output), "--teacher", str(teacher), *more])


def _metrics(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "LOG0" / "metrics.jsonl").read_text().splitlines()]


def _final(output: Path) -> dict[str, np.ndarray]:
    return read_tensors(output / "student-final" / "model.safetensors")


def test_a_teacher_is_pretrained_and_a_student_distilled_from_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrain.main([*_common(data, tmp_path / "teacher"), "--steps", "12"])
    pretrained = _metrics(tmp_path)
    (tmp_path / "LOG0" / "metrics.jsonl").unlink()
    teacher = tmp_path / "teacher" / "teacher-final"
    _distill(data, tmp_path / "student", teacher, "--epochs", "4", "--log-every", "5")
    distilled = _metrics(tmp_path)
    assert pretrained[-1]["loss"] < pretrained[0]["loss"]
    assert {"step", "epoch", "loss", "mlm_accuracy", "lr", "samples_per_second", "time"} == set(pretrained[0])
    assert [(line["step"], line["epoch"]) for line in distilled] == [
        (1, 0.2),
        (5, 1),
        (10, 2),
        (15, 3),
        (20, 4),
    ]
    assert distilled[-1]["loss"] < distilled[0]["loss"]
    assert "step 20/20  epoch 4.00  loss " in capsys.readouterr().out
    saved = open_model(tmp_path / "student" / "student-final")
    assert saved.model == PROFILES["tiny"].student
    assert set(read_tensors(saved.directory / "fit_dense.safetensors")) == {
        "fit_dense.weight",
        "fit_dense.bias",
    }
    assert "bert.embeddings.word_embeddings" in _final(tmp_path / "student")


@needs_tensorflow
def test_a_converted_bert_is_trained_on_and_teaches(
    data: Path, tmp_path: Path, teacher_size: ModelConfig
) -> None:
    convert.to_mindspore(write_bert(tmp_path / "google", teacher_size), tmp_path / "converted")
    converted = read_tensors(tmp_path / "converted" / "model.safetensors")
    options = ("--init", str(tmp_path / "converted"), "--steps", "1")
    pretrain.main([*_common(data, tmp_path / "teacher"), *options, "--learning-rate", "1e-7"])
    teacher = tmp_path / "teacher" / "teacher-final"
    trained = read_tensors(teacher / "model.safetensors")
    assert trained.keys() == converted.keys()
    assert any((trained[name] != values).any() for name, values in converted.items())
    for name, values in converted.items():
        np.testing.assert_allclose(trained[name], values, atol=1e-5, err_msg=name)
    _distill(data, tmp_path / "student", tmp_path / "converted", "--steps", "1")
    for made in (teacher, tmp_path / "student" / "student-final"):
        assert (made / "vocab.txt").read_bytes() == (tmp_path / "google" / "vocab.txt").read_bytes()


def test_a_model_to_start_from_must_fit(data: Path, teacher: Path, tmp_path: Path) -> None:
    tensors = read_tensors(teacher / "model.safetensors")
    encoder = {name: values for name, values in tensors.items() if name.startswith("bert.")}
    info = {"model": open_model(teacher).model.to_dict()}
    write_model(tmp_path / "encoder", {"model.safetensors": encoder}, info)
    with pytest.raises(StageError, match=r"missing: masked_lm\.layer_norm\.beta"):
        pretrain.main([*_common(data, tmp_path / "out"), "--init", str(tmp_path / "encoder"), "--steps", "1"])


def test_a_resumed_run_equals_an_unbroken_one_bit_by_bit(data: Path, teacher: Path, tmp_path: Path) -> None:
    options = ("--steps", "11", "--checkpoint-every", "3", "--log-every", "1")
    output = tmp_path / "student"
    checkpoints = output / "checkpoints"
    _distill(data, output, teacher, *options)
    unbroken = _final(output)
    assert sorted(path.name for path in checkpoints.iterdir()) == ["step-00000006", "step-00000009"]
    for newest in (9, 6):
        shutil.rmtree(output / "student-final")
        (tmp_path / "LOG0" / "metrics.jsonl").unlink()
        if newest == 6:
            (checkpoints / "step-00000009").rename(checkpoints / ".step-00000009.unfinished")
        _distill(data, output, teacher, *options, "--resume")
        assert _metrics(tmp_path)[0]["step"] == newest + 1
        for name, values in _final(output).items():
            np.testing.assert_array_equal(values, unbroken[name], err_msg=name)


def test_resume_starts_at_the_beginning_or_finds_all_done(
    data: Path, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--steps", "2", "--resume")
    _distill(data, tmp_path / "student", teacher, *options)
    assert "no whole checkpoint to resume from; starting at step 0" in capsys.readouterr().err
    before = _metrics(tmp_path)
    _distill(data, tmp_path / "student", teacher, *options)
    assert "student-final: already complete" in capsys.readouterr().err
    assert _metrics(tmp_path) == before
    with pytest.raises(StageError, match="holds an earlier training: give --resume, or another --output"):
        _distill(data, tmp_path / "student", teacher, "--steps", "2")
    with pytest.raises(StageError, match=r"made with other settings.*\n  total_steps: 2 there, 3 now"):
        _distill(data, tmp_path / "student", teacher, "--steps", "3", "--resume")


@pytest.mark.parametrize("stage", [pretrain, general_distill])
def test_other_data_of_the_same_size_is_refused(
    stage: ModuleType, data: Path, teacher: Path, tmp_path: Path
) -> None:
    options = [*_common(data, tmp_path / "out"), "--steps", "1"]
    options += ["--teacher", str(teacher)] if stage is general_distill else []
    stage.main(options)
    (path,) = data.iterdir()
    records = list(read_records(path))
    with path.open("wb") as file:
        for record in reversed(records):
            write_record(file, record)
    with pytest.raises(StageError, match=r"other settings.*\n  records_sha256: \w+ there, \w+ now$"):
        stage.main([*options, "--resume"])


def test_a_loss_that_is_not_finite_stops_before_anything_is_written(
    data: Path, teacher: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import save_file

    tensors = read_tensors(teacher / "model.safetensors")
    tensors["bert.encoder.layers.1.output.layer_norm.beta"][0] = np.nan
    save_file(tensors, teacher / "model.safetensors")
    with pytest.raises(NonFiniteError, match="step 1: loss nan or its gradients are not finite"):
        _distill(data, tmp_path / "student", teacher, "--steps", "3", "--checkpoint-every", "1")
    assert not (tmp_path / "student").exists()


def test_a_teacher_that_does_not_fit_is_refused_with_names_and_shapes(
    data: Path, teacher: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import save_file

    tensors = read_tensors(teacher / "model.safetensors")
    tensors["bert.pooler.bias"] = tensors["bert.pooler.bias"][:3]
    tensors["bert.encoder.layers.9.odd"] = tensors.pop("bert.embeddings.layer_norm.beta")
    save_file(tensors, teacher / "model.safetensors")
    with pytest.raises(StageError, match="does not fit the model") as error:
        _distill(data, tmp_path / "student", teacher, "--steps", "3")
    message = str(error.value)
    assert "missing: bert.embeddings.layer_norm.beta [16]" in message
    assert "unexpected: bert.encoder.layers.9.odd [16]" in message
    assert "wrong shape: bert.pooler.bias is [3], the model has [16]" in message


def test_records_longer_than_the_model_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = PROFILES["tiny"]
    short = replace(profile, teacher=replace(profile.teacher, max_position_embeddings=7))
    monkeypatch.setitem(PROFILES, "tiny", short)
    with pytest.raises(StageError, match="records have 8 tokens, but the model only 7 positions"):
        pretrain.main([*_common(data, tmp_path / "teacher"), "--steps", "1"])
