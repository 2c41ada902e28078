from __future__ import annotations

import numpy as np
import pytest
from tinybert.models.config import TrainConfig

pytestmark = pytest.mark.mindspore


def _documented_rate(step: int, total: int, warmup: int, base: float, end: float, power: float) -> float:
    if step < warmup:
        return base * (step + 1) / warmup
    left = max(0.0, 1 - (step - warmup) / (total - warmup))
    return end + (base - end) * left**power


@pytest.mark.parametrize(
    ("ratio", "power", "total"), [(0.1, 1.0, 40), (0.0, 1.0, 7), (0.25, 2.0, 20), (0.1, 1.0, 3)]
)
def test_learning_rate_step_by_step(ratio: float, power: float, total: int) -> None:
    from mindspore import Tensor, int32
    from tinybert.training.optim import WarmupPolynomialDecay

    train = TrainConfig(1, 0.5, end_learning_rate=0.01, warmup_ratio=ratio, decay_power=power)
    schedule = WarmupPolynomialDecay(train, total)
    rates = [float(schedule.construct(Tensor(step, int32))) for step in range(total + 3)]
    expected = [_documented_rate(s, total, int(total * ratio), 0.5, 0.01, power) for s in range(total + 3)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    assert rates[0] > 0
    assert max(rates) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("phase", "epochs", "warmup", "base"),
    [("task_distill_1", 10, 210, 5e-5), ("task_distill_2", 3, 631, 2e-5), ("finetune", 3, 631, 2e-5)],
)
def test_learning_rates_of_sst2_as_the_reference_has_them(
    phase: str, epochs: int, warmup: int, base: float
) -> None:
    """2,104 steps an epoch; phase 1 warms up for a tenth of one epoch, the others for a tenth of all."""
    from mindspore import Tensor, int32
    from tinybert.models.config import PROFILES
    from tinybert.training.optim import WarmupPolynomialDecay, warmup_steps

    train, total = getattr(PROFILES["base"], phase), 2104 * epochs
    assert warmup_steps(train, total) == warmup
    rates = WarmupPolynomialDecay(train, total).construct(Tensor(np.arange(total), int32)).asnumpy()
    steps = np.arange(total)
    rising, falling = base * (steps + 1) / warmup, base * (total - steps) / (total - warmup)
    np.testing.assert_allclose(rates, np.where(steps < warmup, rising, falling), rtol=2e-4)


@pytest.mark.parametrize(
    ("name", "decayed"),
    [
        ("network.encoder.layers.0.attention.query.weight", True),
        ("network.embeddings.word_embeddings", True),
        ("network.encoder.layers.0.attention.query.bias", False),
        ("network.embeddings.layer_norm.gamma", False),
        ("network.masked_lm.output_bias", False),
    ],
)
def test_weight_decay_spares_layer_norm_and_biases(name: str, decayed: bool) -> None:
    from tinybert.training.optim import is_decayed

    assert is_decayed(name) is decayed


def test_gradients_are_clipped_one_by_one() -> None:
    from mindspore import Tensor
    from tinybert.training.optim import clip_by_norm, gradient_norms

    gradients = (Tensor([[3.0, 4.0]]), Tensor([0.3, 0.4]), Tensor([0.0]))
    norms = gradient_norms(gradients)
    clipped = [gradient.asnumpy().tolist() for gradient in clip_by_norm(gradients, norms, 1.0)]
    assert norms.asnumpy().tolist() == pytest.approx([5.0, 0.5, 0.0])
    assert clipped[0][0] == pytest.approx([0.6, 0.8])
    assert clipped[1] == pytest.approx([0.3, 0.4])
    assert clipped[2] == [0.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_has_no_finite_norm(bad: float) -> None:
    from mindspore import Tensor
    from tinybert.training.optim import gradient_norms

    assert np.isfinite(gradient_norms((Tensor([1.0]), Tensor([0.0, bad]))).asnumpy()).tolist() == [
        True,
        False,
    ]


def test_adam_follows_its_formula_without_bias_correction() -> None:
    """Three steps of two parameters, one of them spared from weight decay."""
    from mindspore import Parameter, Tensor
    from tinybert.training.optim import build_optimizer

    train = TrainConfig(1, 0.1, end_learning_rate=0.1, warmup_ratio=0.0, weight_decay=0.5)
    names, start = ("x.weight", "x.bias"), np.array([1.0, -2.0])
    parameters = [Parameter(Tensor([start[i]], dtype=_float32()), name=names[i]) for i in range(2)]
    optimizer = build_optimizer(parameters, train, 3)
    weights, m, v, decay = start.copy(), np.zeros(2), np.zeros(2), np.array([0.5, 0.0])
    for gradient in (np.array([0.3, 0.1]), np.array([-0.2, 0.4]), np.array([0.05, 0.0])):
        optimizer(tuple(Tensor([value], dtype=_float32()) for value in gradient))
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        weights -= 0.1 * (m / (np.sqrt(v) + 1e-6) + decay * weights)
    np.testing.assert_allclose(
        [float(parameter.asnumpy()[0]) for parameter in parameters], weights, rtol=1e-5
    )


def _float32() -> object:
    import mindspore as ms

    return ms.float32
