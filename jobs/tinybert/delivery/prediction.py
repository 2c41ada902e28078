"""From texts to answers: what predict does to each batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from tinybert.delivery.answers import Answer, answer
from tinybert.delivery.description import INPUTS, Description, describe
from tinybert.delivery.exported import ExportedModel, Shape, is_exported, open_exported
from tinybert.delivery.runners import Batch, Runner, checkpoint_runner, exported_runner
from tinybert.models.vocabulary import vocabulary_path
from tinybert.models.weights import SavedModel, open_model
from tinybert.stages.stage import StageError
from tinybert.tasks.features import RecordMaker
from tinybert.tasks.records import Target
from tinybert.tasks.rows import Row
from tinybert.tasks.tasks import TASKS
from tinybert.text.tokenization import load_vocabulary

Texts = tuple  # of one str, or of two where the task is on pairs


@dataclass(frozen=True)
class TaskModel:
    """A model of a task that has been opened, but whose weights have not been read."""

    source: SavedModel | ExportedModel
    description: Description
    target: Target
    vocabulary: Path

    @property
    def format(self) -> str | None:
        """What it was exported as; None of a checkpoint."""
        return self.source.format if isinstance(self.source, ExportedModel) else None

    @property
    def shape(self) -> Shape:
        """The batches that it takes."""
        return self.source.shape if isinstance(self.source, ExportedModel) else Shape()

    def record_maker(self) -> RecordMaker:
        """What makes its inputs of texts, as for its training."""
        vocabulary = load_vocabulary(self.vocabulary)
        task = TASKS[self.target.task]
        return RecordMaker(task, vocabulary, self.description.lower_case, self.description.max_seq_length)

    def runner(self, shape: Shape) -> Runner:
        """What computes its logits of batches of a shape. Raises StageError where it cannot be run."""
        if isinstance(self.source, ExportedModel):
            return exported_runner(self.source, shape)
        return checkpoint_runner(self.source, self.description, shape)


def open_task_model(
    directory: Path, vocabulary: Path | None = None, task: str | None = None, lower_case: bool | None = None
) -> TaskModel:
    """Open a model directory, or an exported one, which says all by itself.

    Raises StageError where it gives no labels, or is not whole.
    """
    if not is_exported(directory):
        saved = open_model(directory)
        description = describe(saved, task, lower_case)
        target = _require_target(directory, description)
        return TaskModel(saved, description, target, vocabulary_path(saved, vocabulary))
    if (vocabulary, task, lower_case) != (None, None, None):
        raise StageError(f"{directory} says all by itself: leave out --vocab, --task, --cased and --uncased")
    exported = open_exported(directory)
    target = _require_target(directory, exported.description)
    return TaskModel(exported, exported.description, target, exported.vocabulary)


def read_texts(lines: Iterable[str], name: str, task: str) -> Iterator[Texts]:
    """Texts, or pairs of texts. Raises StageError with name and line where one is not what the task needs."""
    columns = len(TASKS[task].texts)
    for number, line in enumerate(lines, 1):
        texts = tuple(line.split("\t"))
        if len(texts) != columns:
            wanted = "two texts with a tab between them" if columns == 2 else "one text, without tabs"
            raise StageError(f"{name}:{number}: {len(texts) - 1} tabs, but {task} needs {wanted}")
        yield texts


def answers(
    target: Target, maker: RecordMaker, runner: Runner, texts: Iterable[Texts], shape: Shape, batch_size: int
) -> Iterator[list[Answer]]:
    """The answers to each batch of texts, in order; one batch is in memory at a time.

    Raises StageError at a text that is not what the task needs.
    """
    texts = iter(texts)
    while True:
        given = list(islice(texts, shape.batch or batch_size))
        if not given:
            return
        (logits,) = runner(batch_of(maker, given, shape))
        yield [answer(target, each, values) for each, values in zip(given, logits)]


def batch_of(maker: RecordMaker, given: Sequence[Texts], shape: Shape) -> Batch:
    """Input_ids, segment_ids, input_mask int32 [B, S], of the shape, or as long as the longest text.

    Where the shape has more rows, the last text is repeated.
    """
    records = [maker.features_of(Row(texts, None, "")) for texts in given]
    columns = [np.array([record[name] for record in records], np.int32) for name in INPUTS]
    length = shape.length or int(columns[-1].sum(1).max())
    rows = np.minimum(np.arange(shape.batch or len(records)), len(records) - 1)
    return [column[rows, :length] for column in columns]


def _require_target(directory: Path, description: Description) -> Target:
    if description.target is None:
        raise StageError(
            f"{directory}: an encoder without a classifier gives no labels: "
            "fine-tune it with tinybert.finetune"
        )
    return description.target
