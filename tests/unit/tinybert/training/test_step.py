from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinybert.models.config import ModelConfig, TrainConfig

pytestmark = pytest.mark.mindspore
RNG = np.random.default_rng(3)
IDS = RNG.integers(0, 50, (4, 8)).astype(np.int32)
SEGMENTS = (RNG.integers(0, 2, (4, 8))).astype(np.int32)
MASK = np.array([[1] * 8, [1] * 8, [1] * 5 + [0] * 3, [1] * 6 + [0] * 2], np.int32)


def _step(
    student_size: ModelConfig, teacher_size: ModelConfig, learning_rate: float = 0.01, scaler: object = None
) -> object:
    from mindspore import set_seed
    from tinybert.models.bert import BertModel
    from tinybert.models.losses import GeneralDistillLoss
    from tinybert.training.optim import build_optimizer
    from tinybert.training.step import TrainStep

    set_seed(5)
    loss = GeneralDistillLoss(BertModel(teacher_size), BertModel(student_size), teacher_size, student_size)
    train = TrainConfig(4, learning_rate, warmup_ratio=0.0)
    optimizer = build_optimizer(loss.trainable_params(), train, 50)
    return TrainStep(loss, loss.metrics, optimizer, 1, train.clip_norm, scaler).set_train()


def _batch() -> list:
    from mindspore import Tensor

    return [Tensor(IDS), Tensor(SEGMENTS), Tensor(MASK)]


def test_training_lowers_the_loss_and_leaves_the_teacher_alone(
    student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    step = _step(student_size, teacher_size)
    teacher = {p.name: p.asnumpy().copy() for p in step.loss.teacher.get_parameters()}
    pooler = step.loss.network.pooler.weight.asnumpy().copy()
    results = [step(*_batch()) for _ in range(30)]
    values = [dict(zip(step.names, result[0].asnumpy().tolist(), strict=True)) for result in results]
    assert all(bool(finite) for _, finite in results)
    assert values[-1]["loss"] < 0.5 * values[0]["loss"]
    assert values[0]["loss"] == pytest.approx(values[0]["att_loss"] + values[0]["rep_loss"], rel=1e-6)
    assert values[0]["lr"] == pytest.approx(0.01)
    assert values[1]["lr"] == pytest.approx(0.01 * 49 / 50)
    for parameter in step.loss.teacher.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), teacher[parameter.name])
    # The pooler gets no gradient in distillation; weight decay alone moves it (by less than 30 lr*decay).
    np.testing.assert_allclose(step.loss.network.pooler.weight.asnumpy(), pooler, rtol=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_reported(
    student_size: ModelConfig, teacher_size: ModelConfig, bad: float
) -> None:
    from tinybert.models.weights import set_value

    step = _step(student_size, teacher_size)
    weight = step.loss.fit_dense.weight
    set_value(weight, np.full(weight.shape, bad, np.float32))
    assert not bool(step(*_batch())[1])


def test_a_scaled_loss_trains_as_one_that_is_not_and_skips_steps_that_are_not_finite(
    student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    """What Ascend does in float16, here in float32: nothing overflows unless a weight is infinite."""
    from mindspore.amp import DynamicLossScaler
    from tinybert.models.weights import set_value

    scaler = DynamicLossScaler(2**8, 2, 3)
    plain, scaled = _step(student_size, teacher_size), _step(student_size, teacher_size, scaler=scaler)
    for _ in range(3):
        (expected, _), (found, finite) = plain(*_batch()), scaled(*_batch())
        np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), rtol=1e-5)
        assert bool(finite)
    assert float(scaler.scale_value) == 2**9

    weight = scaled.loss.fit_dense.weight
    set_value(weight, np.full(weight.shape, np.inf, np.float32))
    before = {p.name: p.asnumpy().copy() for p in scaled.optimizer.get_parameters()}
    assert not bool(scaled(*_batch())[1])
    assert float(scaler.scale_value) == 2**8
    for parameter in scaled.optimizer.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), before[parameter.name], err_msg=parameter.name)


def test_the_mixed_precision_of_ascend_trains_as_float32_does(
    student_size: ModelConfig, teacher_size: ModelConfig
) -> None:
    """Run on CPU, whose float16 is slow but there; an NPU has not seen it."""
    from mindspore import set_seed
    from tinybert.models.bert import BertModel
    from tinybert.models.losses import GeneralDistillLoss
    from tinybert.stages.rank import Rank
    from tinybert.training.run import build_step

    losses = {}
    for device in ("CPU", "Ascend"):
        set_seed(5)
        loss = GeneralDistillLoss(
            BertModel(teacher_size), BertModel(student_size), teacher_size, student_size
        )
        step = build_step(loss, TrainConfig(4, 0.01, loss_scale=2**6), Rank(device=device), 50)
        results = [step(*_batch()) for _ in range(5)]
        assert all(bool(finite) for _, finite in results)
        losses[device] = [float(values[0]) for values, _ in results]
    np.testing.assert_allclose(losses["Ascend"], losses["CPU"], rtol=5e-3)
    assert abs(losses["Ascend"][0] / losses["CPU"][0] - 1) > 1e-6, "computed in float32"


def test_a_resumed_training_goes_on_with_its_loss_scale(
    student_size: ModelConfig, teacher_size: ModelConfig, tmp_path: Path
) -> None:
    from mindspore.amp import DynamicLossScaler
    from safetensors.numpy import save_file
    from tinybert.training.run import TrainingState

    def begin() -> tuple[object, TrainingState]:
        step = _step(student_size, teacher_size, scaler=DynamicLossScaler(2**8, 2, 3))
        return step, TrainingState(step.loss, step)

    step, state = begin()
    for _ in range(4):
        step(*_batch())
    for name, tensors in state.files().items():
        save_file(tensors, tmp_path / name)
    step, state = begin()
    step(*_batch())  # compiled with other values than those that are loaded
    state.load(tmp_path)
    assert (float(step.loss_scaler.scale_value), int(step.loss_scaler.counter)) == (2**9, 1)
    for _ in range(2):
        step(*_batch())
    assert (float(step.loss_scaler.scale_value), int(step.loss_scaler.counter)) == (2**10, 0)
