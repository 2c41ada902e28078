"""Stage: train BERT on masked language model and next sentence prediction; makes the teacher."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinybert.config import PROFILES, ModelConfig
from tinybert.dataset import PRETRAIN_COLUMNS, RecordFiles, open_records
from tinybert.rank import Rank, is_scheduler, run_scheduler
from tinybert.stage import run_stage
from tinybert.train_options import training_parser
from tinybert.training import TrainingRun, begin, execute, prepare, train_config

FINAL = "teacher-final"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    run = _prepare(args)
    begin(run)
    execute(run, _loss(run))


def _parser() -> argparse.ArgumentParser:
    parser = training_parser("pretrain", "Pretrain a teacher on MLM and NSP.", default_epochs=1)
    parser.add_argument(
        "--vocab-size", type=int, metavar="N", help="where the data has no manifest (default: of the profile)"
    )
    return parser


def _prepare(args: argparse.Namespace) -> TrainingRun:
    rank = Rank.from_environment(args.device)
    records = open_records(Path(args.data), PRETRAIN_COLUMNS, Path(args.schema) if args.schema else None)
    profile = PROFILES[args.profile]
    model = _model(profile.teacher, records, args.vocab_size, args.dropout)
    settings = train_config(args, profile.pretrain)
    return prepare(args, rank, records, PRETRAIN_COLUMNS, model, settings, FINAL, {"stage": "pretrain"})


def _model(
    size: ModelConfig, records: RecordFiles, vocab_size: int | None, dropout: float | None
) -> ModelConfig:
    model = replace(size, vocab_size=vocab_size or records.vocab_size or size.vocab_size)
    return model if dropout is None else model.with_dropout(dropout)


def _loss(run: TrainingRun) -> Any:
    from tinybert.losses import PreTrainLoss
    from tinybert.model import BertForPreTraining

    return PreTrainLoss(BertForPreTraining(run.model), run.rank.size)


if __name__ == "__main__":
    sys.exit(run_stage(main))
