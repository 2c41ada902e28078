"""A model on every row of a split, shared out over the ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinybert.models.config import ModelConfig
from tinybert.records.batches import ValueLimits, parse_record
from tinybert.records.dataset import DISTILL_COLUMNS
from tinybert.records.tfrecord import read_records
from tinybert.stages.rank import Rank, gather_arrays
from tinybert.stages.stage import StageError
from tinybert.tasks.records import SCORE, Target, TaskRecords
from tinybert.tasks.scores import chance, scores
from tinybert.training.task_stage import TRAIN_COLUMNS

if TYPE_CHECKING:
    from tinybert.models.task import BertForTask


def read_rows(data: TaskRecords, model: ModelConfig) -> tuple[np.ndarray, ...]:
    """All rows of a split in file order: input_ids, segment_ids, input_mask, label_ids, [N, ...] each.

    Raises StageError on a record that the model cannot take.
    """
    limits = ValueLimits(model.vocab_size, model.type_vocab_size, data.target.outputs)
    rows = [
        parse_record((data.path, record), TRAIN_COLUMNS, data.records.lengths, limits)
        for record in read_records(data.path)
    ]
    if len(rows) != data.records.instances:
        raise StageError(f"{data.path}: {len(rows)} records instead of {data.records.instances}")
    return tuple(np.stack(column) for column in zip(*rows))


def predict(
    network: BertForTask, target: Target, rows: tuple[np.ndarray, ...], rank: Rank, batch_size: int
) -> np.ndarray:
    """What a model says of each row, on every rank: ids int32 [N], scores float32 [N], or tags int32 [N, S].

    Rank r computes rows r, r + ranks, ...; the last batch is filled up with its last row, so that one
    shape is compiled, and what was filled up is thrown away.
    """
    from mindspore import Tensor

    from tinybert.models.task import Predictor

    total = len(rows[0])
    share = -(-total // rank.size)
    mine = np.minimum(np.arange(share) * rank.size + rank.id, total - 1)
    predictor = Predictor(network, target).set_train(False)
    found = []
    for start in range(0, share, batch_size):
        places = mine[np.minimum(np.arange(start, start + batch_size), share - 1)]
        batch = [Tensor(column[places]) for column in rows[: len(DISTILL_COLUMNS)]]
        found.append(predictor(*batch).asnumpy()[: share - start])
    everyone = gather_arrays(rank, np.concatenate(found))  # [ranks, share, ...]
    return np.swapaxes(everyone, 0, 1).reshape(share * rank.size, *everyone.shape[2:])[:total]


def evaluate(
    network: BertForTask, model: ModelConfig, data: TaskRecords, rank: Rank, batch_size: int
) -> dict[str, Any]:
    """Measures of a model on a split, with the number of rows. Raises StageError as `read_rows` does."""
    rows = read_rows(data, model)
    predictions = predict(network, data.target, rows, rank, batch_size)
    return {"rows": len(predictions), **scores(data.target, predictions, _labels(rows))}


def check_better_than_chance(
    network: BertForTask, model: ModelConfig, data: TaskRecords, rank: Rank, batch_size: int, name: str
) -> dict[str, Any]:
    """Measure a teacher; raises StageError where it does no better than one that has learnt nothing."""
    rows = read_rows(data, model)
    labels = _labels(rows)
    measured = scores(data.target, predict(network, data.target, rows, rank, batch_size), labels)
    measure = "pearson" if data.target.kind == SCORE else "accuracy"
    guessing, needed = chance(data.target, labels)
    if not measured[measure] > needed:
        raise StageError(
            f"{name}: {measure} {measured[measure]:.4f} on the {len(labels)} rows of {data.path} is no "
            f"better than chance ({guessing:.4f}; more than {needed:.4f} would be): it has nothing to teach. "
            "Was it fine-tuned on this task, with this vocabulary?"
        )
    return measured


def _labels(rows: tuple[np.ndarray, ...]) -> np.ndarray:
    labels = rows[-1]
    return labels[:, 0] if labels.shape[1] == 1 else labels
