"""What the stages of a labelled task share: options, checks without MindSpore, and loading of models."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinybert.models.config import ModelConfig
from tinybert.models.vocabulary import check_same_text
from tinybert.models.weights import (
    CLASSIFIER_RELU,
    MODEL_FILE,
    SavedModel,
    load_parameters,
    open_model,
    read_tensors,
    tensor_shapes,
)
from tinybert.records.dataset import DISTILL_COLUMNS
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.rank import Rank
from tinybert.stages.stage import StageError
from tinybert.tasks.records import LABEL_COLUMN, Target, TaskRecords, default_dev_split, open_task
from tinybert.tasks.tasks import TASKS
from tinybert.training.options import training_parser

if TYPE_CHECKING:
    from tinybert.models.task import BertForTask

TRAIN_COLUMNS = (*DISTILL_COLUMNS, LABEL_COLUMN)
HEAD_WEIGHT = "classifier.weight"
# Of pretraining; an encoder is taken without them.
OTHER_HEADS = ("masked_lm.", "next_sentence.", "answer_span.")
_SHORTEST = 16


def task_parser(program: str, description: str, default_epochs: int | None) -> argparse.ArgumentParser:
    """The options of every training on a task."""
    parser = training_parser(program, description, default_epochs, "TFRecords of tinybert.glue")
    add = parser.add_argument
    add("--task", choices=sorted(TASKS), help="where nothing beside the records says it")
    add("--train-split", default="train", metavar="NAME", help="records to train on (default: train)")
    add(
        "--lengths",
        type=_lengths,
        metavar="A,B",
        help="batches of texts of like length, cut to the first of these that fits (default on CPU: "
        "16, 32, ... and the records' own; on Ascend, which compiles each, the records' own)",
    )
    return parser


def batch_lengths(given: tuple[int, ...] | None, longest: int, device: str) -> tuple[int, ...]:
    """The lengths of batches of records of `longest` tokens, which is the last one of them."""
    if given is None:
        given = () if device == "Ascend" else tuple(_SHORTEST << n for n in range(16))
    return (*(length for length in sorted(set(given)) if length < longest), longest)


def open_train(args: argparse.Namespace) -> TaskRecords:
    """The records to train on. Raises StageError where they have no labels."""
    records = open_task(Path(args.data), args.train_split, args.task)
    if not records.labels_known:
        raise StageError(f"{records.path}: the labels of this split are not known; it cannot be trained on")
    return records


def open_dev(args: argparse.Namespace, train: TaskRecords) -> TaskRecords:
    """The records that a teacher is measured on.

    Raises StageError where they are of another task, vocabulary or case than those it teaches with.
    """
    split = args.dev_split or default_dev_split(train.target.task)
    dev = open_task(Path(args.data), split, args.task)
    if dev.target != train.target or not dev.labels_known:
        raise StageError(f"{dev.path}: other labels than those of the training records, or none")
    if dev.records.vocab_sha256 != train.records.vocab_sha256:
        raise StageError(f"{dev.path}: made with another vocabulary than {train.path}")
    if dev.lower_case != train.lower_case:
        raise StageError(f"{dev.path} or {train.path} was made with --cased, the other without")
    return dev


def open_encoder(directory: Path, records: TaskRecords) -> SavedModel:
    """A model that records can be given to. Raises StageError where its vocabulary or case differs."""
    saved = open_model(directory)
    check_same_text(saved, records.records.vocab_sha256, records.lower_case, records.path)
    return saved


def require_head(saved: SavedModel, target: Target) -> None:
    """Raise StageError unless a model has been fine-tuned for this task, by its tensors and what it says."""
    shape = tensor_shapes(saved.directory / MODEL_FILE).get(HEAD_WEIGHT)
    if shape is None:
        raise StageError(
            f"{saved.directory}: no fine-tuned head ({HEAD_WEIGHT}): a BERT that was only pretrained knows "
            f"nothing of {target.task}; fine-tune it with tinybert.finetune first"
        )
    if shape[0] != target.outputs:
        raise StageError(
            f"{saved.directory}: its head has {shape[0]} outputs, but {target.task} needs {target.outputs}"
        )
    said = saved.info.get("target")
    if said is not None and Target.from_dict(said) != target:
        raise StageError(
            f"{saved.directory}: fine-tuned for {said['task']}, other labels than these records'"
        )


def sized_for(size: ModelConfig, vocab_size: int, type_vocab_size: int, dropout: float | None) -> ModelConfig:
    """A profile's network for a vocabulary; `dropout` None keeps the profile's."""
    model = replace(size, vocab_size=vocab_size, type_vocab_size=type_vocab_size)
    return model if dropout is None else model.with_dropout(dropout)


def model_info(records: TaskRecords) -> dict[str, Any]:
    """What config.json of a model for this task says, for evaluation and prediction."""
    return {
        "target": records.target.to_dict(),
        "max_seq_length": records.records.max_seq_length,
        "lower_case": records.lower_case,
    }


def stamp(saved: SavedModel) -> str:
    """SHA-256 of a model's weights."""
    return sha256_of(saved.directory / MODEL_FILE)


def load_encoder(network: BertForTask, saved: SavedModel) -> None:
    """Give a network the encoder of a model, whatever its heads. Raises StageError where it does not fit."""
    parameters = {f"bert.{name}": value for name, value in network.bert.parameters_and_names()}
    path = saved.directory / MODEL_FILE
    load_parameters(parameters, read_tensors(path), path, (*OTHER_HEADS, "classifier."))


def load_task_model(saved: SavedModel, target: Target) -> BertForTask:
    """A fine-tuned model as it is, without dropout. Raises StageError where its tensors do not fit."""
    from tinybert.models.task import BertForTask

    relu = saved.info.get(CLASSIFIER_RELU, True)
    network = BertForTask(saved.model.without_dropout(), target, relu)
    path = saved.directory / MODEL_FILE
    load_parameters(dict(network.parameters_and_names()), read_tensors(path), path, OTHER_HEADS)
    return network


def rank_of(args: argparse.Namespace) -> Rank:
    """This process among the others."""
    return Rank.from_environment(args.device)


def _lengths(text: str) -> tuple[int, ...]:
    try:
        lengths = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers") from None
    if min(lengths) < 1:
        raise argparse.ArgumentTypeError(f"{min(lengths)} is below 1")
    return lengths
