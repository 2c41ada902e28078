"""The stages of a labelled task, in this process, with networks of toy size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tinybert import evaluate, finetune, task_distill
from tinybert.models.config import PROFILES, ModelConfig, Profile, TrainConfig
from tinybert.models.weights import open_model, read_tensors, write_model
from tinybert.stages.stage import StageError
from tinybert.tasks.records import Target

from tests.unit.tinybert.small_models import SST2, write_small_model
from tests.unit.tinybert.small_tasks import VOCABULARY, cluener, sst2, stsb

pytestmark = [pytest.mark.mindspore, pytest.mark.usefixtures("alone")]
__all__ = ["cluener", "sst2", "stsb"]  # fixtures


@pytest.fixture(autouse=True)
def _toy_profile(
    monkeypatch: pytest.MonkeyPatch, student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    train = TrainConfig(batch_size=8, learning_rate=0.003)
    monkeypatch.setitem(PROFILES, "tiny", Profile(teacher_size, student_size, *[train] * 5))


def _options(data: Path, output: Path, *more: str) -> list[str]:
    return ["--data", str(data), "--output", str(output), "--device", "cpu", *more]


def _finetune(data: Path, output: Path, *more: str) -> Path:
    finetune.main(_options(data, output, "--from-scratch", str(data / "vocab.txt"), *more))
    return output / "model-final"


def _distill(data: Path, output: Path, teacher: Path, phase: int, *more: str) -> Path:
    task_distill.main(_options(data, output, "--teacher", str(teacher), "--phase", str(phase), *more))
    return output / "student-final"


def _scores(data: Path, model: Path, out: Path) -> dict:
    evaluate.main(["--data", str(data), "--model", str(model), "--device", "cpu", "--out", str(out)])
    return json.loads(out.read_text())["results"][0]


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The teacher, kept from the first test that makes it."""
    return {"home": tmp_path_factory.mktemp("teacher")}


@pytest.fixture
def teacher(taught: dict[str, Path], sst2: Path) -> Path:
    """A teacher that has learnt its task."""
    if "teacher" not in taught:
        taught["teacher"] = _finetune(sst2, taught["home"], "--steps", "80")
    return taught["teacher"]


def test_a_teacher_teaches_a_student_in_two_phases(
    teacher: Path, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _distill(sst2, tmp_path / "1", teacher, 1, "--from-scratch", "--steps", "30")
    assert f"teacher on {sst2 / 'dev.tfrecord'}: " in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "LOG0" / "metrics.jsonl").read_text().splitlines()]
    distilled = [line for line in lines if "att_loss" in line]
    assert distilled[-1]["loss"] < distilled[0]["loss"]
    assert set(read_tensors(first / "fit_dense.safetensors")) == {"fit_dense.weight", "fit_dense.bias"}

    second = _distill(sst2, tmp_path / "2", teacher, 2, "--student", str(first), "--steps", "80")
    found = _scores(sst2, second, tmp_path / "scores.json")
    assert (found["rows"], found["stage"]) == (21, "task_distill_2")
    assert found["accuracy"] > 0.9
    out = capsys.readouterr().out
    assert "agreement" in out and f"{second}  21 rows  accuracy {found['accuracy']:.4f}" in out
    saved = open_model(second)
    assert saved.info["target"] == {"task": "sst2", "kind": "classes", "labels": ["0", "1"]}
    assert (saved.info["max_seq_length"], saved.info["lower_case"]) == (8, True)
    assert (second / "vocab.txt").read_bytes() == (teacher / "vocab.txt").read_bytes() == VOCABULARY


def test_a_resumed_distillation_with_dropout_equals_an_unbroken_one_bit_by_bit(
    teacher: Path, sst2: Path, tmp_path: Path
) -> None:
    student = ("--from-scratch", "--dropout", "0.2", "--steps", "7", "--checkpoint-every", "3")
    output = tmp_path / "student"
    unbroken = read_tensors(_distill(sst2, output, teacher, 2, *student) / "model.safetensors")
    shutil.rmtree(output / "student-final")
    shutil.rmtree(output / "checkpoints" / "step-00000006")
    resumed = read_tensors(_distill(sst2, output, teacher, 2, *student, "--resume") / "model.safetensors")
    other = _distill(sst2, tmp_path / "other", teacher, 2, *student[:1], *student[3:])
    for name, values in unbroken.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)
    assert any(
        (values != unbroken[name]).any() for name, values in read_tensors(other / "model.safetensors").items()
    )


def test_a_teacher_that_has_learnt_nothing_is_refused(teacher: Path, sst2: Path, tmp_path: Path) -> None:
    """Its head is turned round: what it is surest of is wrong."""
    tensors = read_tensors(teacher / "model.safetensors")
    tensors = {name: -array if name.startswith("classifier.") else array for name, array in tensors.items()}
    spoilt = tmp_path / "spoilt"
    write_model(spoilt, {"model.safetensors": tensors}, open_model(teacher).info)
    with pytest.raises(StageError, match=r"accuracy 0\.\d+ on the 21 rows of .*is no better than chance"):
        _distill(sst2, tmp_path / "student", spoilt, 2, "--from-scratch", "--steps", "2")
    assert not (tmp_path / "student").exists()


def test_general_distillation_s_student_and_fit_dense_go_on_in_phase_1(
    teacher: Path, sst2: Path, tmp_path: Path, student_size: ModelConfig
) -> None:
    from tinybert.models.bert import BertModel

    network = BertModel(student_size)
    student = {f"bert.{name}": value.asnumpy() for name, value in network.parameters_and_names()}
    fitted = {
        "fit_dense.weight": np.full((16, 8), 0.5, np.float32),
        "fit_dense.bias": np.zeros(16, np.float32),
    }
    files = {"model.safetensors": student, "fit_dense.safetensors": fitted}
    write_model(tmp_path / "gd", files, {"model": student_size.to_dict()})
    options = ("--student", str(tmp_path / "gd"), "--steps", "1", "--learning-rate", "1e-6")
    first = _distill(sst2, tmp_path / "1", teacher, 1, *options)
    for name, array in student.items():
        np.testing.assert_allclose(read_tensors(first / "model.safetensors")[name], array, atol=1e-4)
    np.testing.assert_allclose(
        read_tensors(first / "fit_dense.safetensors")["fit_dense.weight"], 0.5, atol=1e-4
    )


RTE = Target("rte", "classes", ("entailment", "not_entailment"))
MNLI = Target("mnli", "classes", ("contradiction", "entailment", "neutral"))


@pytest.mark.parametrize(
    ("student", "info", "with_head"),
    [
        (SST2, {}, True),
        (RTE, {}, False),
        (MNLI, {}, False),
        (SST2, {"classifier_relu": False}, False),
        (SST2, {"target": None}, False),
        (None, {}, False),
    ],
)
def test_a_student_goes_on_with_its_head_where_that_is_of_this_task(
    student: Target | None, info: dict, with_head: bool, tmp_path: Path
) -> None:
    from tinybert.models.task import BertForTask

    saved = open_model(write_small_model(tmp_path / "student", student, **info))
    network = BertForTask(saved.model, SST2)
    task_distill._load_student(network, saved, SST2)
    loaded = {name: value.asnumpy() for name, value in network.parameters_and_names()}
    given = read_tensors(saved.directory / "model.safetensors")
    same = {name for name, array in loaded.items() if np.array_equal(given.get(name), array)}
    new = set() if with_head else {"classifier.weight", "classifier.bias"}
    assert loaded.keys() - same == new


@pytest.mark.parametrize(("task", "measure"), [("stsb", "pearson"), ("cluener", "token_f1")])
def test_scores_and_tags_are_learnt_too(
    task: str, measure: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = request.getfixturevalue(task)
    teacher = _finetune(data, tmp_path / "teacher", "--steps", "80", "--lengths", "4,8")
    assert _scores(data, teacher, tmp_path / "scores.json")[measure] > 0.8
    student = _distill(data, tmp_path / "student", teacher, 2, "--from-scratch", "--steps", "2")
    assert open_model(student).info["target"]["task"] == task
