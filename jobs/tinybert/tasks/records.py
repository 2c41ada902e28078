"""A split of a labelled task as TFRecords, checked before anything heavy is imported.

As tinybert.glue writes them (with a .json beside each file), or Google's run_classifier.py (without).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.records.dataset import SEQUENCE_COLUMNS, RecordFiles, common_lengths
from tinybert.records.tfrecord import read_records
from tinybert.stages.artifacts import read_json, sha256_of, sidecar_of
from tinybert.stages.stage import StageError, say
from tinybert.tasks.tasks import TASKS, Task

LABEL_COLUMN = "label_ids"
TASK_COLUMNS = (*SEQUENCE_COLUMNS, LABEL_COLUMN)
CLASSES, SCORE, TAGS = "classes", "score", "tags"


@dataclass(frozen=True)
class Target:
    """What a task asks for: one of `labels` for a text (CLASSES) or for each token (TAGS), or a SCORE."""

    task: str
    kind: str
    labels: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """Width of the head of a model."""
        return len(self.labels) or 1

    def to_dict(self) -> dict[str, Any]:
        """As config.json keeps it."""
        return {"task": self.task, "kind": self.kind, "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Target:
        """What `to_dict` wrote."""
        return cls(values["task"], values["kind"], tuple(values["labels"]))


@dataclass(frozen=True)
class TaskRecords:
    """One split of a task. `labels_known` is false for test sets; `lower_case` None where nothing says it."""

    split: str
    target: Target
    labels_known: bool
    records: RecordFiles
    lower_case: bool | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.records.files[0]


def open_task(directory: Path, split: str, task: str | None = None) -> TaskRecords:
    """Check a split and describe it; `task` is only needed where nothing beside the file says it.

    Raises StageError where the file is missing or not what its description says.
    """
    path = directory / f"{split}.tfrecord"
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in directory.glob("*.tfrecord"))) or "none"
        raise StageError(f"{path}: no such file (splits there: {there}); tinybert.glue makes it")
    described = read_json(sidecar_of(path))
    lengths = common_lengths((path,), TASK_COLUMNS)
    if described is None:
        return _undescribed(path, split, task, lengths)
    made_from = described["made_from"]
    if task not in (None, made_from["task"]):
        raise StageError(f"{path}: records of {made_from['task']}, not of {task}")
    size = path.stat().st_size
    if described["output"]["bytes"] != size:
        raise StageError(f"{path}: {size} bytes, but {described['output']['bytes']} in {sidecar_of(path)}")
    records = RecordFiles(
        directory, (path,), described["counts"]["rows"], lengths, None, made_from["vocab_sha256"]
    )
    target = target_of(made_from["task"], TASKS[made_from["task"]], made_from["labels"])
    return TaskRecords(split, target, made_from["labels_known"], records, made_from["lower_case"])


def default_dev_split(task: str) -> str:
    """The split that scores are reported for."""
    return next(split for split in TASKS[task].splits if split.startswith("dev"))


def identity(task: TaskRecords) -> dict[str, Any]:
    """What tells a data set from another one, for the settings of a training."""
    return {**task.target.to_dict(), "split": task.split, "records_sha256": sha256_of(task.path)}


def _undescribed(path: Path, split: str, task: str | None, lengths: dict[str, int]) -> TaskRecords:
    if task is None:
        raise StageError(f"{path}: nothing beside it says which task this is: give --task")
    say(f"{path}: not described; reading all records to count them")
    instances = sum(1 for _ in read_records(path))
    records = RecordFiles(path.parent, (path,), instances, lengths, None, None)
    return TaskRecords(
        split, target_of(task, TASKS[task], TASKS[task].labels), not split.startswith("test"), records
    )


def target_of(name: str, task: Task, labels: Any) -> Target:
    """What the task of this name asks for; `labels` may be more than the task's own, as tags are."""
    if task.is_score:
        return Target(name, SCORE, ())
    return Target(name, TAGS if task.entities else CLASSES, tuple(labels))
