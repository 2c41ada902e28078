"""Outputs of converted models against BERT in NumPy float64, computed from Google's variables themselves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tinybert.conversion.tensor_table import table
from tinybert.conversion.tf_checkpoint import TensorFlowCheckpoint, write_checkpoint
from tinybert.convert import to_mindspore
from tinybert.models.config import ModelConfig
from tinybert.models.weights import load_parameters, open_model, read_tensors
from tinybert.tasks.records import CLASSES, Target

from tests.unit.tinybert import plain_bert
from tests.unit.tinybert.plain_bert import Outputs, random_variables, write_bert
from tests.unit.tinybert.tensorflow_here import needs_tensorflow

pytestmark = [pytest.mark.mindspore, needs_tensorflow]
BERTS = Path(__file__).parents[4] / "shared" / "data" / "bert"
real_data = pytest.mark.skipif(not BERTS.is_dir(), reason=f"needs the checkpoints in {BERTS}")
SMALL = ModelConfig(40, 12, 2, 3, 20, max_position_embeddings=16)


def inputs(model: ModelConfig, length: int) -> dict[str, np.ndarray]:
    """Two texts, the second with padding; every token id is possible."""
    rng = np.random.default_rng(1)
    mask = np.ones((2, length), np.int64)
    mask[1, length - length // 3 :] = 0
    return {
        "ids": rng.integers(0, model.vocab_size, (2, length)),
        "segments": np.tile(np.arange(length) * model.type_vocab_size // length, (2, 1)),
        "mask": mask,
        "positions": rng.integers(0, length // 2, (2, 3)),
    }


def converted_network(model: ModelConfig) -> object:
    """A cell that gives hidden states, pooled, and the logits of both heads, with random weights."""
    from mindspore import nn
    from tinybert.models.bert import BertForPreTraining

    class Everything(nn.Cell):
        def __init__(self):
            super().__init__()
            self.network = BertForPreTraining(model.without_dropout())

        def construct(self, ids, segments, mask, positions):
            hidden, _ = self.network.bert(ids, segments, mask)
            pooled = self.network.bert.pool(hidden[-1], ids.shape[0])
            return hidden, pooled, self.network(ids, segments, mask, positions)

    return Everything()


def outputs(cell: object, tensors: dict[str, np.ndarray], given: dict[str, np.ndarray]) -> Outputs:
    """What `cell` gives with these weights, in the shapes of the oracle."""
    from mindspore import Tensor, int32

    load_parameters(dict(cell.network.parameters_and_names()), tensors, Path("converted"))
    hidden, pooled, (mlm, nsp) = cell(*(Tensor(array, int32) for array in given.values()))
    batch = len(given["ids"])
    split = [states.asnumpy().reshape(batch, -1, states.shape[-1]) for states in hidden]
    return Outputs(split, pooled.asnumpy(), mlm.asnumpy().reshape(batch, -1, mlm.shape[-1]), nsp.asnumpy())


def largest_difference(found: Outputs, expected: Outputs) -> float:
    pairs = [*zip(found.hidden, expected.hidden, strict=True)]
    pairs += [(getattr(found, name), getattr(expected, name)) for name in ("pooled", "mlm", "nsp")]
    assert [first.shape for first, _ in pairs] == [second.shape for _, second in pairs]
    return max(float(np.abs(first - second).max()) for first, second in pairs)


def compare(prefix: Path, out: Path, length: int) -> tuple[float, ModelConfig]:
    """Convert, and return the largest difference of any output to the oracle's."""
    to_mindspore(prefix, out)
    saved = open_model(out)
    checkpoint = TensorFlowCheckpoint(prefix)
    variables = {
        name: checkpoint.read(name) for name in checkpoint.shapes if name.startswith(("bert/", "cls/"))
    }
    given = inputs(saved.model, length)
    expected = plain_bert.run(variables, saved.model.num_attention_heads, **given)
    assert len(expected.hidden) == saved.model.num_hidden_layers + 1
    found = outputs(converted_network(saved.model), read_tensors(out / "model.safetensors"), given)
    return largest_difference(found, expected), saved.model


@real_data
def test_the_real_checkpoint_gives_the_oracles_outputs(tmp_path: Path) -> None:
    difference, _ = compare(BERTS / "tiny_L-2_H-4_A-4" / "bert_model.ckpt", tmp_path / "here", 12)
    assert difference < 2e-6  # its weights are hardly trained, so its logits are some hundredths


@pytest.mark.full
@pytest.mark.parametrize("given", ["random", "BERT_CHECKPOINT"])
def test_bert_base_gives_the_oracles_outputs(tmp_path: Path, given: str) -> None:
    """BERT_CHECKPOINT may name the prefix of any real checkpoint with its pretraining heads."""
    if given == "random":
        prefix = write_bert(tmp_path / "google", ModelConfig(30522, 768, 12, 12, 3072))
    elif given in os.environ:
        prefix = Path(os.environ[given])
    else:
        pytest.skip("BERT_CHECKPOINT names no checkpoint")
    difference, model = compare(prefix, tmp_path / "here", 32)
    print(
        f"{prefix.name}, {model.num_hidden_layers}x{model.hidden_size}: largest difference {difference:.1e}"
    )
    assert difference < 1e-4


def test_googles_classifier_has_no_relu(tmp_path: Path) -> None:
    from mindspore import Tensor, int32
    from tinybert.training.task_stage import load_task_model

    rng = np.random.default_rng(3)
    head = {"output_weights": rng.normal(0, 1, (3, 12)), "output_bias": rng.normal(0, 1, 3)}
    variables = random_variables(SMALL.to_dict()) | {k: v.astype(np.float32) for k, v in head.items()}
    prefix = write_bert(tmp_path / "google", SMALL)
    write_checkpoint(prefix, variables)
    to_mindspore(prefix, tmp_path / "here")
    given = inputs(SMALL, 12)
    pooled = plain_bert.run(variables, SMALL.num_attention_heads, **given).pooled
    assert (pooled < -0.1).any()
    network = load_task_model(open_model(tmp_path / "here"), Target("mnli", CLASSES, ("a", "b", "c")))
    ids, segments, mask, _ = (Tensor(array, int32) for array in given.values())
    expected = pooled @ variables["output_weights"].T + variables["output_bias"]
    np.testing.assert_allclose(network(ids, segments, mask).asnumpy(), expected, atol=1e-4)


def test_any_tensor_in_a_wrong_place_or_orientation_is_noticed(tmp_path: Path) -> None:
    """Proof that the comparison can fail: each tensor in turn is wrong in a way that its shape allows."""
    prefix = write_bert(tmp_path / "google", SMALL)
    to_mindspore(prefix, tmp_path / "here")
    tensors = read_tensors(tmp_path / "here" / "model.safetensors")
    cell, given = converted_network(SMALL), inputs(SMALL, 12)
    variables = random_variables(SMALL.to_dict())
    expected = plain_bert.run(variables, SMALL.num_attention_heads, **given)
    assert largest_difference(outputs(cell, tensors, given), expected) < 1e-4
    unnoticed = []
    for row in table(SMALL, ("masked_lm", "next_sentence"), 0):
        array = tensors[row.here]
        square = array.ndim == 2 and array.shape[0] == array.shape[1]
        wrong = np.ascontiguousarray(array.T if square else array[::-1])
        if largest_difference(outputs(cell, {**tensors, row.here: wrong}, given), expected) < 1e-2:
            unnoticed.append(row.here)
    # Attention does not depend on a bias of the keys: it adds the same to all scores of a query.
    assert unnoticed == [f"bert.encoder.layers.{number}.attention.key.bias" for number in range(2)]
