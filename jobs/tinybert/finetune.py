"""Stage: train BERT on a labelled task; makes the teacher of task distillation, or a student without one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinybert.models.config import PROFILES, ModelConfig
from tinybert.models.weights import SavedModel, vocabulary_of
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.rank import is_scheduler, run_scheduler
from tinybert.stages.stage import StageError, run_stage
from tinybert.tasks.records import TaskRecords, identity
from tinybert.text.tokenization import load_vocabulary
from tinybert.training.run import TrainingRun, begin, execute, prepare, train_config
from tinybert.training.task_stage import (
    TRAIN_COLUMNS,
    batch_lengths,
    load_encoder,
    model_info,
    open_encoder,
    open_train,
    rank_of,
    sized_for,
    stamp,
    task_parser,
)

FINAL = "model-final"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    records = open_train(args)
    initial = open_encoder(Path(args.init), records) if args.init else None
    run = _prepare(args, records, initial)
    begin(run)
    execute(run, _loss(run, records, initial))


def _parser() -> argparse.ArgumentParser:
    parser = task_parser("finetune", "Train BERT on a labelled task.", default_epochs=3)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--init", metavar="DIR", help="pretrained model, of tinybert.convert or a stage")
    start.add_argument(
        "--from-scratch", metavar="VOCAB", help="random weights; the vocabulary gives the size of the table"
    )
    parser.add_argument(
        "--size", choices=("teacher", "student"), default="teacher", help="of the profile, from scratch"
    )
    return parser


def _prepare(args: argparse.Namespace, records: TaskRecords, initial: SavedModel | None) -> TrainingRun:
    rank = rank_of(args)
    profile = PROFILES[args.profile]
    if initial is None:
        vocabulary = Path(args.from_scratch)
        model = _from_scratch(getattr(profile, args.size), vocabulary, records, args.dropout)
        info, content = {}, vocabulary.read_bytes()
    else:
        model = initial.model if args.dropout is None else initial.model.with_dropout(args.dropout)
        info, content = {"initial_sha256": stamp(initial)}, vocabulary_of(initial)
    lengths = batch_lengths(args.lengths, records.records.max_seq_length, rank.device)
    info |= {"stage": "finetune", "data": identity(records), "lengths": list(lengths), **model_info(records)}
    settings = train_config(args, profile.finetune)
    run = prepare(args, rank, records.records, TRAIN_COLUMNS, model, settings, FINAL, info)
    return replace(run, labels=records.target.outputs, lengths=lengths, vocabulary=content)


def _from_scratch(
    size: ModelConfig, vocabulary: Path, records: TaskRecords, dropout: float | None
) -> ModelConfig:
    count = load_vocabulary(vocabulary).size
    if records.records.vocab_sha256 not in (None, sha256_of(vocabulary)):
        raise StageError(f"{records.path} was made with another vocabulary than {vocabulary}")
    return sized_for(size, count, size.type_vocab_size, dropout)


def _loss(run: TrainingRun, records: TaskRecords, initial: SavedModel | None) -> Any:
    from tinybert.models.task import BertForTask
    from tinybert.models.task_losses import LabelLoss

    network = BertForTask(run.model, records.target)
    if initial is not None:
        load_encoder(network, initial)
    return LabelLoss(network, records.target, run.rank.size)


if __name__ == "__main__":
    sys.exit(run_stage(main))
