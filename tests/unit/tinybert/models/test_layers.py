"""Layers of parts give what MindSpore's own give, and are on only where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.mindspore

ROWS, WIDE, NARROW = 7, 12, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _learnt(cell, rng: np.random.Generator):
    """Parameters as after training: none is 0 or 1."""
    from mindspore import Tensor

    for parameter in cell.get_parameters():
        parameter.set_data(Tensor(rng.normal(1, 0.5, parameter.shape).astype(np.float32)))
    return cell


def _values_and_gradients(cell, inputs: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Output, and the gradients of (output * weights).sum() by input and parameters."""
    from mindspore import Tensor, ops

    def loss(states):
        out = cell(states)
        return (out * Tensor(weights)).sum(), out

    parameters = cell.trainable_params()
    gradient = ops.value_and_grad(loss, 0, parameters, has_aux=True)
    (_, out), (by_input, by_parameters) = gradient(Tensor(inputs))
    return [value.asnumpy() for value in (out, by_input, *by_parameters)]


def _both(cell, inputs: np.ndarray, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    from tinybert.models.layers import make_of_parts

    whole = _values_and_gradients(cell, inputs, weights)
    make_of_parts(cell)
    return list(zip(_values_and_gradients(cell, inputs, weights), whole, strict=True))


@pytest.mark.parametrize("offset", [0, 100], ids=["centred", "far from zero"])
@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_layer_norm_of_parts_is_layer_norm(rng, epsilon: float, offset: float) -> None:
    from tinybert.models.layers import LayerNorm

    inputs = rng.normal(offset, 2, (ROWS, WIDE)).astype(np.float32)
    weights = rng.normal(0, 1, (ROWS, WIDE)).astype(np.float32)
    for parts, whole in _both(_learnt(LayerNorm(WIDE, epsilon), rng), inputs, weights):
        np.testing.assert_allclose(parts, whole, rtol=2e-4, atol=2e-4)


def test_a_row_without_spread_has_finite_gradients() -> None:
    from tinybert.models.layers import LayerNorm, make_of_parts

    cell = LayerNorm(WIDE, 1e-12)
    make_of_parts(cell)
    same = np.full((ROWS, WIDE), 3, np.float32)
    for value in _values_and_gradients(cell, same, same):
        assert np.isfinite(value).all()


def test_dense_of_parts_is_dense(rng) -> None:
    from tinybert.models.layers import Dense

    inputs = rng.normal(0, 1, (ROWS, WIDE)).astype(np.float32)
    weights = rng.normal(0, 1, (ROWS, NARROW)).astype(np.float32)
    for parts, whole in _both(_learnt(Dense(WIDE, NARROW), rng), inputs, weights):
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-5)


def test_all_layers_of_a_network_are_made_of_parts_and_keep_their_names() -> None:
    from mindspore import nn
    from tinybert.models.layers import Dense, LayerNorm, make_of_parts

    network = nn.SequentialCell([nn.SequentialCell([Dense(WIDE, NARROW)]), LayerNorm(NARROW, 1e-12)])
    names = [parameter.name for parameter in network.get_parameters()]
    assert not any(cell.by_parts for cell in (network[0][0], network[1]))
    make_of_parts(network)
    assert all(cell.by_parts for cell in (network[0][0], network[1]))
    assert [parameter.name for parameter in network.get_parameters()] == names
    assert names == ["0.0.weight", "0.0.bias", "1.gamma", "1.beta"]
