"""What a program must know of a model to give it text, and to read what it answers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.models.config import ModelConfig
from tinybert.models.vocabulary import check_same_case
from tinybert.models.weights import CONFIG_FILE, MODEL_FILE, SavedModel, tensor_shapes
from tinybert.stages.stage import StageError
from tinybert.tasks.records import Target, target_of
from tinybert.tasks.tasks import TASKS
from tinybert.training.task_stage import HEAD_WEIGHT, require_head

INPUTS = ("input_ids", "segment_ids", "input_mask")


@dataclass(frozen=True)
class Description:
    """A model's sizes, its task and its text. `target` None: an encoder, whose outputs are no labels.

    `max_seq_length`: tokens of the longest text, [CLS] and [SEP] included.
    """

    model: ModelConfig
    target: Target | None
    max_seq_length: int
    lower_case: bool

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the model returns."""
        return ("logits",) if self.target else ("hidden", "pooled")

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "model": self.model.to_dict(),
            "target": self.target.to_dict() if self.target else None,
            "max_seq_length": self.max_seq_length,
            "lower_case": self.lower_case,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Description:
        """What `to_dict` wrote. Raises StageError where the sizes are none."""
        target = Target.from_dict(values["target"]) if values["target"] else None
        model = ModelConfig.from_dict(values["model"])
        return cls(model, target, values["max_seq_length"], values["lower_case"])


def describe(
    saved: SavedModel,
    task: str | None = None,
    lower_case: bool | None = None,
    max_seq_length: int | None = None,
) -> Description:
    """What the directory of a model says; `task` and `lower_case` are for where it does not say it.

    `max_seq_length` None: that of the training.

    Raises StageError where nothing says it, or where they contradict each other.
    """
    model = saved.model.without_dropout()
    length = max_seq_length or saved.info.get("max_seq_length") or model.max_position_embeddings
    if length > model.max_position_embeddings:
        raise StageError(
            f"{saved.directory}: --max-seq-length {length} is more than the model's "
            f"{model.max_position_embeddings} positions"
        )
    return Description(model, _target(saved, task), length, _lower_case(saved, lower_case))


def add_text_options(parser: argparse.ArgumentParser) -> None:
    """Options for what a model directory may leave open."""
    parser.add_argument(
        "--task", choices=sorted(TASKS), help="of the classifier, where the model does not say it"
    )
    parser.add_argument("--vocab", type=Path, metavar="FILE", help="vocabulary (default: beside the model)")
    case = parser.add_mutually_exclusive_group()
    case.add_argument(
        "--uncased",
        dest="lower_case",
        action="store_const",
        const=True,
        help="text is lower-cased; where the model does not say it",
    )
    case.add_argument("--cased", dest="lower_case", action="store_const", const=False, help="it is not")


def _target(saved: SavedModel, task: str | None) -> Target | None:
    """The task of a fine-tuned model; None where it has no classifier."""
    if HEAD_WEIGHT not in tensor_shapes(saved.directory / MODEL_FILE):
        return None
    said = saved.info.get("target")
    if said is None and task is None:
        raise StageError(
            f"{saved.directory}: {CONFIG_FILE} does not say for which task the classifier is: give --task"
        )
    target = Target.from_dict(said) if said else target_of(task, TASKS[task], TASKS[task].labels)
    if task not in (None, target.task):
        raise StageError(f"{saved.directory} was fine-tuned for {target.task}, not for {task}")
    if target.task not in TASKS:
        raise StageError(f"{saved.directory}: task {target.task!r} is none of {', '.join(sorted(TASKS))}")
    require_head(saved, target)
    return target


def _lower_case(saved: SavedModel, given: bool | None) -> bool:
    said = saved.info.get("lower_case")
    if said is None and given is None:
        raise StageError(
            f"{saved.directory}: {CONFIG_FILE} does not say whether text is lower-cased: "
            "give --uncased or --cased"
        )
    check_same_case(saved, given, "this")
    return bool(said if given is None else given)
