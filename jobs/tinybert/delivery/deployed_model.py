"""Networks as they are exported, and the files that MindSpore makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mindspore as ms
from mindspore import Tensor, nn

from tinybert.delivery.description import INPUTS, Description
from tinybert.delivery.exported import AIR, MINDIR, ONNX, Shape
from tinybert.models.bert import BertModel
from tinybert.models.config import ModelConfig
from tinybert.models.task import BertForTask
from tinybert.models.weights import SavedModel
from tinybert.stages.stage import StageError
from tinybert.tasks.records import TAGS
from tinybert.training.task_stage import load_encoder, load_task_model

# MindSpore splits a larger MindIR into several files, and protobuf takes no ONNX of more than twice this.
MOST_BYTES = 2**30


class DeployedTask(nn.Cell):
    """A task: input_ids, segment_ids, input_mask int32 [B, S] to logits [B, outputs], or [B, S, outputs]."""

    def __init__(self, network: BertForTask, outputs: int, by_token: bool):
        super().__init__()
        self.network = network
        self.outputs = outputs
        self.by_token = by_token

    def construct(self, input_ids, segment_ids, input_mask):
        logits = self.network(input_ids, segment_ids, input_mask)
        return logits.reshape((input_ids.shape[0], -1, self.outputs)) if self.by_token else logits


class DeployedEncoder(nn.Cell):
    """An encoder: input_ids, segment_ids, input_mask int32 [B, S] to hidden [B, S, H] and pooled [B, H]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.bert = BertModel(config)
        self.hidden_size = config.hidden_size

    def construct(self, input_ids, segment_ids, input_mask):
        hidden, _ = self.bert(input_ids, segment_ids, input_mask)
        last, batch_size = hidden[-1], input_ids.shape[0]
        return last.reshape((batch_size, -1, self.hidden_size)), self.bert.pool(last, batch_size)


def load_deployed(saved: SavedModel, description: Description) -> nn.Cell:
    """A model as it is deployed, without dropout. Raises StageError where its tensors do not fit."""
    target = description.target
    if target is None:
        network: nn.Cell = DeployedEncoder(description.model)
        load_encoder(network, saved)
    else:
        network = DeployedTask(load_task_model(saved, target), target.outputs, target.kind == TAGS)
    return network.set_train(False)


def any_shape() -> tuple[Tensor, ...]:
    """Stand-ins for inputs of any batch and length."""
    return tuple(Tensor(shape=[None, None], dtype=ms.int32) for _ in INPUTS)


def write_graph(network: nn.Cell, description: Description, form: str, shape: Shape, path: Path) -> None:
    """Write a network as MindIR (of any or one shape), ONNX or AIR (of one shape) to `path`.

    Raises StageError where the format cannot hold it.
    """
    size = sum(parameter.nbytes for parameter in network.get_parameters())
    if size > MOST_BYTES:
        raise StageError(f"{size:,} bytes of weights do not fit into one file of {MOST_BYTES:,}")
    if form == ONNX and not hasattr(ms, "onnx"):
        raise StageError(
            f"MindSpore {ms.__version__} has no mindspore.onnx; export ONNX where there is 2.10: "
            "model directories are the same"
        )
    inputs = any_shape() if not shape.is_fixed else _zeros(shape)
    with _name_for_mindspore(path) as name:
        if form == ONNX:
            names = {"input_names": list(INPUTS), "output_names": list(description.outputs)}
            ms.onnx.export(network, *inputs, file_name=name, **names)
        else:
            ms.export(network, *inputs, file_name=name, file_format={MINDIR: "MINDIR", AIR: "AIR"}[form])


def load_mindir(path: Path, shape: Shape) -> nn.Cell:
    """The network in a MindIR file. One of any shape is compiled once, not for each shape that it meets."""
    network = nn.GraphCell(ms.load(str(path)))
    if not shape.is_fixed:
        network.set_inputs(*any_shape())
    return network


def _zeros(shape: Shape) -> tuple[Tensor, ...]:
    return tuple(ms.ops.zeros((shape.batch, shape.length), ms.int32) for _ in INPUTS)


@contextmanager
def _name_for_mindspore(path: Path) -> Iterator[str]:
    """Yield a name for `path` that MindSpore takes, whose own rule forbids spaces and most other characters.

    It also gives the directory mode 0700: the file is made in one that goes away again.
    """
    directory = path.parent / "graph"
    directory.mkdir()
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
    (directory / path.name).rename(path)
    directory.rmdir()


def arrays_of(outputs: Any) -> list[Any]:
    """What a network returned, one tensor or several, as NumPy arrays."""
    return [output.asnumpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
