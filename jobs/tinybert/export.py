"""Stage: export a model for use elsewhere, as MindIR, ONNX or AIR, and compare it with the checkpoint.

--model is a model directory of finetune or task_distill, whose logits are exported, or of general_distill,
pretrain or convert, an encoder, whose hidden states and pooled vector are. MindIR takes any batch and length,
ONNX and AIR one of each. Vocabulary, labels and checksums travel with the graph. Where its outputs are not
the checkpoint's, nothing is written. AIR is made on Ascend alone, and cannot be compared: nothing here reads
it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.delivery.comparison import require_equal, sample_batches
from tinybert.delivery.description import (
    INPUTS,
    Description,
    add_text_options,
    describe,
)
from tinybert.delivery.exported import (
    AIR,
    FORMATS,
    MINDIR,
    SAMPLES_FILE,
    ExportedModel,
    Shape,
    graph_name,
    is_exported,
    open_exported,
    write_config,
    write_manifest,
)
from tinybert.delivery.runners import Batch, exported_runner, mindspore_runner
from tinybert.models.vocabulary import vocabulary_path
from tinybert.models.weights import CONFIG_FILE, MODEL_FILE, VOCABULARY_FILE, SavedModel, open_model
from tinybert.stages.artifacts import directory_by_rename, sha256_of
from tinybert.stages.options import positive_int, sequence_length
from tinybert.stages.rank import Rank, start
from tinybert.stages.stage import StageError, require_one_task, run_stage, say

TOLERANCE = 1e-4
_FORM = 1  # of what is written; another number exports anew


@dataclass(frozen=True)
class Request:
    """An export that has passed every check which needs no MindSpore."""

    saved: SavedModel
    description: Description
    vocabulary: Path
    format: str
    shape: Shape
    tolerance: float
    out: Path

    @property
    def made_from(self) -> dict[str, Any]:
        """What tells this export from another one."""
        sources = [self.saved.directory / MODEL_FILE, self.saved.directory / CONFIG_FILE, self.vocabulary]
        return {
            "form": _FORM,
            "format": self.format,
            "shape": [self.shape.batch, self.shape.length],
            "tolerance": self.tolerance,
            "description": self.description.to_dict(),
            "sha256": {path.name: sha256_of(path) for path in sources},
            "mindspore": metadata.version("mindspore"),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the stage from the command line. Raises StageError on what the user can mend."""
    options = _parser().parse_args(arguments)
    require_one_task()
    rank = Rank.from_environment(options.device)
    request = _request(options, rank)
    if is_done(request):
        say(f"{request.out} is up to date")
        return
    start(rank, seed=0)
    export(request)


def is_done(request: Request) -> bool:
    """Whether `out` holds this export already. Raises StageError where it holds something else."""
    out = request.out
    if is_exported(out) and open_exported(out).made_from == request.made_from:
        return True
    if not out.name or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise StageError(f"{out} is there already, and is not this export: give another --out")
    return False


def export(request: Request) -> None:
    """Write the directory of an exported model. MindSpore must have been started.

    Raises StageError, and writes nothing, where the graph's outputs are not those of the checkpoint.
    """
    from tinybert.delivery.deployed_model import load_deployed, write_graph

    network = load_deployed(request.saved, request.description)
    batches = sample_batches(request.description, request.shape)
    expected = [mindspore_runner(network)(batch) for batch in batches]
    with directory_by_rename(request.out) as unfinished:
        graph = unfinished / graph_name(request.format)
        write_graph(network, request.description, request.format, request.shape, graph)
        compared = _compared(request, unfinished, batches, expected)
        (unfinished / VOCABULARY_FILE).write_bytes(request.vocabulary.read_bytes())
        write_config(unfinished, request.format, request.shape, request.description)
        _write_samples(unfinished / SAMPLES_FILE, request.description, batches, expected)
        write_manifest(unfinished, request.made_from, compared)
    _report(request, compared)


def _compared(
    request: Request, directory: Path, batches: list[Batch], expected: list[list[np.ndarray]]
) -> dict[str, Any] | None:
    """How far the graph's outputs are from the checkpoint's; None where only other tools can run it."""
    if request.format == AIR:
        return None
    exported = ExportedModel(directory, request.format, request.shape, request.description, {})
    names = request.description.outputs
    difference = require_equal(
        batches, expected, exported_runner(exported, request.shape), names, request.tolerance
    )
    shapes = [list(batch[0].shape) for batch in batches]
    return {"shapes": shapes, "largest_difference": difference, "tolerance": request.tolerance}


def _write_samples(
    path: Path, description: Description, batches: list[Batch], expected: list[list[np.ndarray]]
) -> None:
    """Arrays by name and number of the batch: input_ids_0, …, logits_0, input_ids_1, …"""
    names = (*INPUTS, *description.outputs)
    np.savez(
        path,
        **{
            f"{name}_{number}": array
            for number, (inputs, outputs) in enumerate(zip(batches, expected))
            for name, array in zip(names, (*inputs, *outputs))
        },
    )


def _report(request: Request, compared: dict[str, Any] | None) -> None:
    graph = request.out / graph_name(request.format)
    size = f"{graph.stat().st_size / 1e6:.1f} MB"
    if compared is None:
        say(
            f"{graph}: {size}, NOT COMPARED with the checkpoint: MindSpore cannot read AIR. Give the .om "
            f"that atc makes of it the inputs in {SAMPLES_FILE}, and compare its outputs with those there"
        )
        return
    say(f"{graph}: {size}, within {compared['largest_difference']:.2g} of the checkpoint's outputs")


def _request(options: argparse.Namespace, rank: Rank) -> Request:
    if options.format == AIR and rank.device != "Ascend":
        raise StageError(
            "MindSpore writes AIR on Ascend alone, and the device here is a CPU: "
            "run jobs/export.yaml on an Ascend host, or export mindir or onnx"
        )
    saved = open_model(options.model)
    vocabulary = vocabulary_path(saved, options.vocab)
    description = describe(saved, options.task, options.lower_case, options.max_seq_length)
    return Request(
        saved,
        description,
        vocabulary,
        options.format,
        _shape(options, description),
        options.tolerance,
        options.out,
    )


def _shape(options: argparse.Namespace, description: Description) -> Shape:
    if options.format == MINDIR and options.batch_size is None:
        return Shape()
    return Shape(options.batch_size or 1, description.max_seq_length)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinybert.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, type=Path, metavar="DIR", help="model directory of a stage")
    add("--format", required=True, choices=FORMATS)
    add("--out", required=True, type=Path, metavar="DIR", help="directory that is made")
    add(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help="rows of a batch: of onnx and air (default: 1), of mindir any number without it",
    )
    add(
        "--max-seq-length",
        type=sequence_length,
        metavar="N",
        help="tokens of the longest text (default: the training's)",
    )
    add("--tolerance", type=float, default=TOLERANCE, metavar="X", help=f"(default: {TOLERANCE:g})")
    add_text_options(parser)
    add("--device", choices=("auto", "cpu", "ascend"), default="auto", help="default: auto")
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
