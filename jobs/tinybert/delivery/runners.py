"""Ways to run a model: the checkpoint by MindSpore, MindIR by MindSpore, ONNX by onnxruntime on CPU.

Each takes input_ids, segment_ids, input_mask int32 [B, S] and returns the outputs of the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.delivery.description import INPUTS, Description
from tinybert.delivery.exported import MINDIR, ONNX, ExportedModel, Shape
from tinybert.models.weights import SavedModel
from tinybert.stages.stage import StageError

Batch = Sequence[np.ndarray]
Runner = Callable[[Batch], "list[np.ndarray]"]


def checkpoint_runner(saved: SavedModel, description: Description, shape: Shape) -> Runner:
    """Run a model directory. MindSpore must have been started. Raises StageError where it does not fit."""
    from tinybert.delivery.deployed_model import any_shape, load_deployed

    network = load_deployed(saved, description)
    if not shape.is_fixed:
        network.set_inputs(*any_shape())
    return mindspore_runner(network)


def exported_runner(exported: ExportedModel, shape: Shape) -> Runner:
    """Run an exported model on batches of a shape; for MindIR MindSpore must have been started.

    Raises StageError for AIR.
    """
    if exported.format == ONNX:
        return onnx_runner(exported.graph)
    if exported.format == MINDIR:
        from tinybert.delivery.deployed_model import load_mindir

        return mindspore_runner(load_mindir(exported.graph, shape))
    raise StageError(
        f"{exported.graph}: AIR is run by Ascend's own tools, after atc has made an .om of it; "
        "predict takes a model directory, or one exported as mindir or onnx"
    )


def mindspore_runner(network: Any) -> Runner:
    """Run a cell of MindSpore."""
    from mindspore import Tensor

    from tinybert.delivery.deployed_model import arrays_of

    return lambda batch: arrays_of(network(*map(Tensor, batch)))


def onnx_runner(path: Path) -> Runner:
    """Run an ONNX file with as many threads as this process may use cores.

    Raises StageError where onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise StageError(
            f"onnxruntime cannot be imported ({error}): pip install 'launcher[export]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, dict(zip(INPUTS, batch)))
