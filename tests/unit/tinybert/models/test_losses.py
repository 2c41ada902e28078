"""Losses against an independent NumPy version in float64."""

from __future__ import annotations

import numpy as np
import pytest
from tinybert.models.config import ModelConfig

pytestmark = pytest.mark.mindspore
B, HEADS, S, WIDTH = 2, 2, 6, 10


def _mse(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.mean((left - right) ** 2))


def _numpy_attention_loss(student: list[np.ndarray], teacher: list[np.ndarray]) -> float:
    k = len(teacher) // len(student)
    cut = [[np.where(scores <= -100, 0, scores) for scores in layers] for layers in (student, teacher)]
    return sum(_mse(cut[0][i], cut[1][(i + 1) * k - 1]) for i in range(len(student)))


def _numpy_representation_loss(student: list[np.ndarray], teacher: list[np.ndarray]) -> float:
    k = (len(teacher) - 1) // (len(student) - 1)
    return sum(_mse(student[i], teacher[i * k]) for i in range(len(student)))


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each label."""
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]


def _scores(rng: np.random.Generator, layers: int) -> list[np.ndarray]:
    """Raw scores: the last two keys of the second sample are padding; one real score is under -100."""
    padding = np.zeros((B, 1, 1, S))
    padding[1, ..., -2:] = -10000.0
    scores = [rng.normal(0, 3, (B, HEADS, S, S)) + padding for _ in range(layers)]
    scores[-1][0, 0, 0, 0] = -123.0
    return scores


def _tensors(arrays: list[np.ndarray]) -> tuple:
    from mindspore import Tensor

    return tuple(Tensor(array.astype(np.float32)) for array in arrays)


@pytest.mark.parametrize(("student_layers", "teacher_layers"), [(1, 1), (2, 2), (2, 6), (4, 12)])
def test_attention_loss(student_layers: int, teacher_layers: int) -> None:
    from tinybert.models.losses import attention_loss

    rng = np.random.default_rng(student_layers)
    student, teacher = _scores(rng, student_layers), _scores(rng, teacher_layers)
    loss = attention_loss(_tensors(student), _tensors(teacher), teacher_layers // student_layers)
    assert float(loss) == pytest.approx(_numpy_attention_loss(student, teacher), rel=1e-6)


@pytest.mark.parametrize(("student_layers", "teacher_layers"), [(1, 1), (2, 6), (4, 12)])
def test_representation_loss(student_layers: int, teacher_layers: int) -> None:
    from tinybert.models.losses import representation_loss

    rng = np.random.default_rng(student_layers)
    student = [rng.normal(0, 1, (B * S, WIDTH)) for _ in range(student_layers + 1)]
    teacher = [rng.normal(0, 1, (B * S, WIDTH)) for _ in range(teacher_layers + 1)]
    loss = representation_loss(_tensors(student), _tensors(teacher), teacher_layers // student_layers)
    assert float(loss) == pytest.approx(_numpy_representation_loss(student, teacher), rel=1e-6)


@pytest.mark.parametrize("shape", [(16, 12, 128, 128), (2048, 768)])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_means_are_accurate_on_as_many_elements_as_there_are(shape: tuple[int, ...], spread: float) -> None:
    """MindSpore's L2Loss is 0.1 to 0.3 % off here; equal addends are the worst for sums in float32."""
    from mindspore import Tensor
    from tinybert.models.losses import mean_squared_error

    rng = np.random.default_rng(0)
    left = rng.normal(3.3, spread, shape).astype(np.float32)
    right = rng.normal(0, spread, shape).astype(np.float32)
    expected = _mse(left.astype(np.float64), right.astype(np.float64))
    assert float(mean_squared_error(Tensor(left), Tensor(right))) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("score", [-100.0, -100.5, -10000.0])
def test_masked_scores_weigh_nothing(score: float) -> None:
    from mindspore import Tensor
    from tinybert.models.losses import zero_masked

    assert zero_masked(Tensor([score, -99.9, 3.0])).asnumpy().tolist() == pytest.approx([0.0, -99.9, 3.0])


def test_masked_scores_have_no_gradient() -> None:
    from mindspore import Tensor, ops
    from tinybert.models.losses import mean_squared_error, zero_masked

    def loss(scores: Tensor, other: Tensor) -> Tensor:
        return mean_squared_error(zero_masked(scores), other)

    gradient = ops.grad(loss)(Tensor([-10000.0, 3.0]), Tensor([1.0, 1.0]))
    assert gradient.asnumpy().tolist() == [0.0, 2.0]


def test_token_losses() -> None:
    from mindspore import Tensor, int32
    from tinybert.models.losses import token_losses

    logits = np.random.default_rng(0).normal(0, 2, (5, 7))
    labels = np.array([0, 3, 6, 2, 2])
    losses = token_losses(Tensor(logits.astype(np.float32)), Tensor(labels, int32))
    np.testing.assert_allclose(losses.asnumpy(), _log_loss(logits, labels), rtol=1e-5)


@pytest.mark.parametrize(
    "weights", [[[1, 1], [1, 0]], [[1e-5, 0], [0, 3e-5]], [[0, 0], [0, 0]]], ids=["ordinary", "tiny", "none"]
)
def test_loss_of_pretraining(weights: list, student_size: ModelConfig) -> None:
    from mindspore import Tensor, int32, set_seed
    from tinybert.models.bert import BertForPreTraining
    from tinybert.models.losses import PreTrainLoss

    set_seed(2)
    rng = np.random.default_rng(2)
    ids, segments, mask = rng.integers(0, 50, (B, S)), rng.integers(0, 2, (B, S)), np.ones((B, S))
    mask[1, -2:] = 0
    tensors = [Tensor(values, int32) for values in (ids, mask, segments, [[1, 3], [2, 0]])]
    step = Tensor([0], int32)
    network = BertForPreTraining(student_size)
    mlm, nsp = network(tensors[0], tensors[2], tensors[1], tensors[3], step)
    mlm, nsp = mlm.asnumpy().astype(np.float64), nsp.asnumpy().astype(np.float64)
    labels, next_sentence = mlm.argmax(1), np.array([1, 0])
    labels[1] = (labels[1] + 1) % 50
    loss, accuracy = PreTrainLoss(network, 1)(
        (),
        step,
        *tensors,
        Tensor(labels.reshape(2, 2), int32),
        *_tensors([np.array(weights)]),
        Tensor(next_sentence.reshape(2, 1), int32),
    )
    flat = np.array(weights).reshape(-1)
    mlm_loss = (_log_loss(mlm, labels) * flat).sum() / (flat.sum() + 1e-5)
    expected = mlm_loss + _log_loss(nsp, next_sentence).mean()
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert float(accuracy) == pytest.approx((flat[0] + flat[2] + flat[3]) / (flat.sum() + 1e-5), rel=1e-6)
