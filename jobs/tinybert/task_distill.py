"""Stage: task distillation (TinyBERT, section 3.2), a student that learns a task from a fine-tuned teacher.

Phase 1 teaches attention and hidden states, phase 2 the teacher's predictions; labels are used by neither.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinybert.models.config import PROFILES, ModelConfig, check_distillation
from tinybert.models.weights import (
    CLASSIFIER_RELU,
    MODEL_FILE,
    SavedModel,
    load_parameters,
    misfits,
    read_tensors,
    tensor_shapes,
    vocabulary_of,
)
from tinybert.records.dataset import DISTILL_COLUMNS
from tinybert.stages.rank import is_scheduler, run_scheduler
from tinybert.stages.stage import StageError, run_stage, say
from tinybert.tasks.records import Target, TaskRecords, identity
from tinybert.training.run import (
    EXTRA_FILE,
    TrainingRun,
    begin,
    check_model_takes,
    execute,
    prepare,
    train_config,
)
from tinybert.training.scoring import check_better_than_chance
from tinybert.training.task_stage import (
    HEAD_WEIGHT,
    TRAIN_COLUMNS,
    batch_lengths,
    load_encoder,
    load_task_model,
    model_info,
    open_dev,
    open_encoder,
    open_train,
    rank_of,
    require_head,
    sized_for,
    stamp,
    task_parser,
)

FINAL = "student-final"
_EPOCHS = {1: 10, 2: 3}


@dataclass(frozen=True)
class Lesson:
    """Who teaches whom what: models that have been opened, and the records. `student` None: from scratch."""

    phase: int
    temperature: float
    teacher: SavedModel
    student: SavedModel | None
    train: TaskRecords
    dev: TaskRecords


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    lesson = _open(args)
    run = _prepare(args, lesson)
    begin(run)
    execute(run, _loss(run, lesson))


def _parser() -> argparse.ArgumentParser:
    parser = task_parser("task_distill", "Distil a student for a task from a fine-tuned teacher.", None)
    add = parser.add_argument
    add("--phase", type=int, choices=(1, 2), required=True, help="1: layers (10 epochs), 2: predictions (3)")
    add("--teacher", required=True, metavar="DIR", help="model that tinybert.finetune made")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--student", metavar="DIR", help="of general_distill for phase 1, of phase 1 for phase 2"
    )
    start.add_argument("--from-scratch", action="store_true", help="a student with random weights")
    add("--dev-split", metavar="NAME", help="records that the teacher is measured on (default: dev)")
    add("--temperature", type=float, default=1.0, metavar="T", help="of phase 2 (default: 1)")
    return parser


def _open(args: argparse.Namespace) -> Lesson:
    if not args.temperature > 0:
        raise StageError(f"--temperature is {args.temperature}: it must be above 0")
    train = open_train(args)
    dev = open_dev(args, train)
    teacher = open_encoder(Path(args.teacher), train)
    require_head(teacher, train.target)
    for records in (train.records, dev.records):
        check_model_takes(teacher.model, records)
    student = open_encoder(Path(args.student), train) if args.student else None
    return Lesson(args.phase, args.temperature, teacher, student, train, dev)


def _prepare(args: argparse.Namespace, lesson: Lesson) -> TrainingRun:
    rank = rank_of(args)
    profile = PROFILES[args.profile]
    teacher, records = lesson.teacher, lesson.train.records
    if lesson.student is None:
        vocabulary = teacher.model.vocab_size, teacher.model.type_vocab_size
        model = sized_for(profile.student, *vocabulary, args.dropout)
    else:
        model = lesson.student.model
        model = model if args.dropout is None else model.with_dropout(args.dropout)
    _check_student(lesson.phase, teacher.model, model)
    lengths = batch_lengths(args.lengths, records.max_seq_length, rank.device)
    info = {
        "stage": f"task_distill_{lesson.phase}",
        "teacher_sha256": stamp(teacher),
        "student_sha256": stamp(lesson.student) if lesson.student else None,
        "data": identity(lesson.train),
        "lengths": list(lengths),
        **model_info(lesson.train),
        **({"temperature": lesson.temperature} if lesson.phase == 2 else {}),
    }
    args.epochs = args.epochs or _EPOCHS[lesson.phase]
    settings = train_config(args, getattr(profile, f"task_distill_{lesson.phase}"))
    columns = DISTILL_COLUMNS if lesson.phase == 1 else TRAIN_COLUMNS
    run = prepare(args, rank, records, columns, model, settings, FINAL, info)
    return replace(
        run, labels=lesson.train.target.outputs, lengths=lengths, vocabulary=vocabulary_of(teacher)
    )


def _check_student(phase: int, teacher: ModelConfig, student: ModelConfig) -> None:
    """Phase 1 compares layer by layer; phase 2 only needs both to read the same tokens."""
    if phase == 1:
        check_distillation(teacher, student)
    elif teacher.vocab_size != student.vocab_size:
        raise StageError(
            f"the student has a vocabulary of {student.vocab_size}, the teacher one of {teacher.vocab_size}"
        )


def _loss(run: TrainingRun, lesson: Lesson) -> Any:
    from tinybert.models.task import BertForTask
    from tinybert.models.task_losses import LayerDistillLoss, PredictionDistillLoss

    target = lesson.train.target
    teacher = load_task_model(lesson.teacher, target)
    measured = check_better_than_chance(
        teacher,
        lesson.teacher.model,
        lesson.dev,
        run.rank,
        run.train.batch_size,
        str(lesson.teacher.directory),
    )
    say(f"teacher on {lesson.dev.path}: {measured}")
    student = BertForTask(run.model, target)
    if lesson.student is not None:
        _load_student(student, lesson.student, target)
    if lesson.phase == 2:
        return PredictionDistillLoss(teacher, student, target, lesson.temperature, run.rank.size)
    loss = LayerDistillLoss(teacher, student, lesson.teacher.model, run.model)
    if lesson.student is not None:
        _load_fit_dense(loss, lesson.student)
    return loss


def _load_student(network: Any, saved: SavedModel, target: Target) -> None:
    """The whole model where it has a head of this task, as phase 1 leaves it, else its encoder."""
    path = saved.directory / MODEL_FILE
    if saved.info.get("target") == target.to_dict() and saved.info.get(CLASSIFIER_RELU, True):
        load_parameters(dict(network.parameters_and_names()), read_tensors(path), path)
        return
    if HEAD_WEIGHT in tensor_shapes(path):
        say(f"{saved.directory}: its head is of another task or form: a new one is trained")
    load_encoder(network, saved)


def _load_fit_dense(loss: Any, saved: SavedModel) -> None:
    """Go on with the matrix of an earlier distillation, if there is one for a teacher of this width."""
    path = saved.directory / EXTRA_FILE
    if not path.is_file():
        return
    parameters = {f"fit_dense.{name}": value for name, value in loss.fit_dense.parameters_and_names()}
    if misfits({name: value.shape for name, value in parameters.items()}, tensor_shapes(path)):
        say(f"{path} fits another teacher: a new one is trained")
        return
    load_parameters(parameters, read_tensors(path), path)


if __name__ == "__main__":
    sys.exit(run_stage(main))
