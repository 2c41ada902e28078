"""Stage: train BERT on masked language model and next sentence prediction; makes the teacher."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinybert.models.config import PROFILES, ModelConfig
from tinybert.models.vocabulary import check_same_text
from tinybert.models.weights import (
    MODEL_FILE,
    SavedModel,
    load_parameters,
    open_model,
    read_tensors,
    vocabulary_of,
)
from tinybert.records.dataset import PRETRAIN_COLUMNS, RecordFiles, open_records
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.rank import Rank, is_scheduler, run_scheduler
from tinybert.stages.stage import run_stage
from tinybert.training.options import training_parser
from tinybert.training.run import TrainingRun, begin, execute, prepare, train_config

FINAL = "teacher-final"
# Of fine-tuning: pretraining has its own, which the model to start from must have.
OTHER_HEADS = ("classifier.", "answer_span.")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    initial = open_model(Path(args.init)) if args.init else None
    run = _prepare(args, initial)
    begin(run)
    execute(run, _loss(run, initial))


def _parser() -> argparse.ArgumentParser:
    parser = training_parser("pretrain", "Pretrain a teacher on MLM and NSP.", default_epochs=1)
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--init", metavar="DIR", help="model to train on, such as tinybert.convert's")
    start.add_argument(
        "--vocab-size", type=int, metavar="N", help="where the data has no manifest (default: of the profile)"
    )
    return parser


def _prepare(args: argparse.Namespace, initial: SavedModel | None) -> TrainingRun:
    rank = Rank.from_environment(args.device)
    records = open_records(Path(args.data), PRETRAIN_COLUMNS, Path(args.schema) if args.schema else None)
    profile = PROFILES[args.profile]
    info = {"stage": "pretrain", "records_sha256": records.sha256}
    if initial is None:
        model = _sized_for(profile.teacher, records, args.vocab_size)
    else:
        check_same_text(initial, records.vocab_sha256, None, records.directory)
        model = initial.model
        info["initial_sha256"] = sha256_of(initial.directory / MODEL_FILE)
    model = model if args.dropout is None else model.with_dropout(args.dropout)
    settings = train_config(args, profile.pretrain)
    run = prepare(args, rank, records, PRETRAIN_COLUMNS, model, settings, FINAL, info)
    return replace(run, vocabulary=vocabulary_of(initial) if initial else None)


def _sized_for(size: ModelConfig, records: RecordFiles, vocab_size: int | None) -> ModelConfig:
    return replace(size, vocab_size=vocab_size or records.vocab_size or size.vocab_size)


def _loss(run: TrainingRun, initial: SavedModel | None) -> Any:
    from tinybert.models.bert import BertForPreTraining
    from tinybert.models.losses import PreTrainLoss

    network = BertForPreTraining(run.model)
    if initial is not None:
        path = initial.directory / MODEL_FILE
        load_parameters(dict(network.parameters_and_names()), read_tensors(path), path, OTHER_HEADS)
    return PreTrainLoss(network, run.rank.size)


if __name__ == "__main__":
    sys.exit(run_stage(main))
