"""Losses of labelled tasks against an independent NumPy version in float64."""

from __future__ import annotations

import numpy as np
import pytest
from tinybert.models.config import ModelConfig
from tinybert.tasks.records import CLASSES, SCORE, TAGS, Target

pytestmark = pytest.mark.mindspore
THREE = Target("mnli", CLASSES, ("a", "b", "c"))
SCORED = Target("stsb", SCORE, ())
TAGGED = Target("cluener", TAGS, ("O", "B-x", "I-x"))
RNG = np.random.default_rng(4)
IDS = RNG.integers(0, 50, (4, 6)).astype(np.int32)
MASK = np.array([[1] * 6, [1] * 4 + [0] * 2, [1] * 3 + [0] * 3, [1] * 6], np.int32)
LABELS = {
    CLASSES: np.array([[0], [2], [1], [1]], np.int32),
    SCORE: np.array([[0.5], [5], [2.25], [3]], np.float32),
    TAGS: np.where(MASK == 1, RNG.integers(0, 3, (4, 6)), -100).astype(np.int32),
}


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _network(size: ModelConfig, target: Target, seed: int) -> object:
    """A network whose parameters, the head's too, are large enough to make a difference."""
    from tinybert.models.task import BertForTask
    from tinybert.models.weights import set_value

    network = BertForTask(size, target)
    rng = np.random.default_rng(seed)
    for parameter in network.get_parameters():
        set_value(parameter, rng.normal(0, 0.3, parameter.shape).astype(np.float32))
    return network.set_train(False)


def _batch(target: Target) -> list:
    from mindspore import Tensor

    return [Tensor(array) for array in (IDS, np.zeros_like(IDS), MASK, LABELS[target.kind])]


def _logits(network: object, target: Target) -> np.ndarray:
    return network(*_batch(target)[:3]).asnumpy().astype(np.float64)


def test_the_head_is_dense_of_relu_of_tanh_of_dense_of_cls(student_size: ModelConfig) -> None:
    network = _network(student_size, THREE, 1)
    weights = {name: value.asnumpy().astype(np.float64) for name, value in network.parameters_and_names()}
    hidden, _ = network.bert(*_batch(THREE)[:3])
    first = hidden[-1].asnumpy().reshape(4, 6, -1)[:, 0]
    pooled = np.tanh(first @ weights["bert.pooler.weight"].T + weights["bert.pooler.bias"])
    expected = np.maximum(pooled, 0) @ weights["classifier.weight"].T + weights["classifier.bias"]
    np.testing.assert_allclose(_logits(network, THREE), expected, atol=1e-5)
    assert set(weights) - {name for name in weights if name.startswith("bert.")} == {
        "classifier.weight",
        "classifier.bias",
    }


def test_loss_of_labels(student_size: ModelConfig) -> None:
    from tinybert.models.task_losses import LabelLoss

    for target in (THREE, TAGGED, SCORED):
        network = _network(student_size, target, 2)
        loss = LabelLoss(network, target, 1).set_train(False)
        found = [float(value) for value in loss((), None, *_batch(target))]
        logits, labels = _logits(network, target), LABELS[target.kind].reshape(-1)
        if target is SCORED:
            assert found == pytest.approx([np.mean((logits[:, 0] - labels) ** 2)], rel=1e-5)
            continue
        known = labels >= 0
        losses = -_log_softmax(logits)[known, labels[known]]
        right = (logits.argmax(-1) == labels)[known]
        assert found == pytest.approx([losses.mean(), right.mean()], rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_loss_of_a_teacher_s_predictions(
    student_size: ModelConfig, teacher_size: ModelConfig, temperature: float
) -> None:
    from tinybert.models.task_losses import PredictionDistillLoss

    for target in (THREE, TAGGED, SCORED):
        teacher, student = _network(teacher_size, target, 3), _network(student_size, target, 4)
        loss = PredictionDistillLoss(teacher, student, target, temperature, 1).set_train(False)
        batch = _batch(target)
        found = [float(value) for value in loss(loss.targets(*batch), None, *batch)]
        t, s = _logits(teacher, target), _logits(student, target)
        if target is SCORED:
            assert found == pytest.approx([np.mean((t - s) ** 2)], rel=1e-5)
            continue
        counted = LABELS[target.kind].reshape(-1) != -100
        soft = -np.exp(_log_softmax(t / temperature)) * _log_softmax(s / temperature)
        agreed = (t.argmax(-1) == s.argmax(-1))[counted]
        assert found == pytest.approx([soft[counted].mean(), agreed.mean()], rel=1e-5)
        assert not loss.teacher.trainable_params()


def test_phase_1_is_general_distillation_from_the_fine_tuned_encoder(
    student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    from tinybert.models.losses import GeneralDistillLoss
    from tinybert.models.task_losses import LayerDistillLoss

    teacher, student = _network(teacher_size, THREE, 3), _network(student_size, THREE, 4)
    phase_1 = LayerDistillLoss(teacher, student, teacher_size, student_size).set_train(False)
    general = GeneralDistillLoss(teacher.bert, student.bert, teacher_size, student_size).set_train(False)
    for name in ("weight", "bias"):
        getattr(general.fit_dense, name).set_data(getattr(phase_1.fit_dense, name))
    batch = _batch(THREE)[:3]
    expected, found = (
        [float(v) for v in loss(loss.targets(*batch), None, *batch)] for loss in (general, phase_1)
    )
    assert found == expected
    assert "classifier.weight" in dict(phase_1.network.parameters_and_names())
