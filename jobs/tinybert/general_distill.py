"""Stage: general distillation, a small BERT that imitates a pretrained one layer by layer on plain text.

TinyBERT, section 3.1: losses of attention, hidden states and embeddings; no labels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinybert.models.config import PROFILES, ModelConfig, check_distillation
from tinybert.models.vocabulary import check_same_text
from tinybert.models.weights import (
    MODEL_FILE,
    SavedModel,
    load_parameters,
    open_model,
    read_tensors,
    vocabulary_of,
)
from tinybert.records.dataset import DISTILL_COLUMNS, open_records
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.rank import Rank, is_scheduler, run_scheduler
from tinybert.stages.stage import run_stage
from tinybert.training.options import training_parser
from tinybert.training.run import TrainingRun, begin, execute, prepare, train_config

FINAL = "student-final"
# A teacher that was pretrained or fine-tuned has heads that the distillation does not use.
UNUSED_HEADS = ("masked_lm.", "next_sentence.", "classifier.", "answer_span.")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    teacher = open_model(Path(args.teacher))
    run = _prepare(args, teacher)
    begin(run)
    execute(run, _loss(run, teacher))


def _parser() -> argparse.ArgumentParser:
    parser = training_parser("general_distill", "Distil a student from a teacher on text.", default_epochs=3)
    parser.add_argument("--teacher", required=True, metavar="DIR", help="model that tinybert.pretrain made")
    return parser


def _prepare(args: argparse.Namespace, teacher: SavedModel) -> TrainingRun:
    rank = Rank.from_environment(args.device)
    records = open_records(Path(args.data), DISTILL_COLUMNS, Path(args.schema) if args.schema else None)
    profile = PROFILES[args.profile]
    student = _student(profile.student, teacher.model, args.dropout)
    check_distillation(teacher.model, student)
    check_same_text(teacher, records.vocab_sha256, None, records.directory)
    info = {
        "stage": "general_distill",
        "teacher_sha256": sha256_of(teacher.directory / MODEL_FILE),
        "records_sha256": records.sha256,
    }
    settings = train_config(args, profile.general_distill)
    run = prepare(args, rank, records, DISTILL_COLUMNS, student, settings, FINAL, info)
    return replace(run, vocabulary=vocabulary_of(teacher))


def _student(size: ModelConfig, teacher: ModelConfig, dropout: float | None) -> ModelConfig:
    student = replace(size, vocab_size=teacher.vocab_size, type_vocab_size=teacher.type_vocab_size)
    return student if dropout is None else student.with_dropout(dropout)


def _loss(run: TrainingRun, saved: SavedModel) -> Any:
    from tinybert.models.bert import BertModel
    from tinybert.models.losses import GeneralDistillLoss

    size = saved.model.without_dropout()
    teacher = BertModel(size)
    parameters = {f"bert.{name}": parameter for name, parameter in teacher.parameters_and_names()}
    path = saved.directory / MODEL_FILE
    load_parameters(parameters, read_tensors(path), path, UNUSED_HEADS)
    return GeneralDistillLoss(teacher, BertModel(run.model), size, run.model)


if __name__ == "__main__":
    sys.exit(run_stage(main))
