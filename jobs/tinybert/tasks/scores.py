"""How good predictions are: the measures that GLUE and CLUE report, by task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinybert.tasks.features import NO_LABEL
from tinybert.tasks.records import SCORE, TAGS, Target
from tinybert.tasks.tasks import OUTSIDE

_BATCH_OF_REFERENCE = 32
_WITH_F1 = ("mrpc", "qqp")
_WITH_MATTHEWS = ("cola",)


def scores(target: Target, predictions: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Measures of a task; the first one is that which models are compared by.

    `predictions` and `labels` of all rows in file order: ids int [N], scores float [N], or tags int [N, S],
    where a label of -100 marks a token that has none.
    """
    if target.kind == SCORE:
        return {"pearson": pearson(predictions, labels), "spearman": spearman(predictions, labels)}
    if target.kind == TAGS:
        return _tagging_scores(target, predictions, labels)
    found: dict[str, Any] = {"accuracy": accuracy(predictions, labels)}
    if target.task in _WITH_F1:
        found["f1"] = f1(predictions == 1, labels == 1)
    if target.task in _WITH_MATTHEWS:
        found = {"matthews": matthews(predictions, labels), **found}
    # What the reference counts: whole batches of 32, so that 864 of the 872 rows of SST-2 are scored.
    counted = len(labels) // _BATCH_OF_REFERENCE * _BATCH_OF_REFERENCE
    if 0 < counted < len(labels):
        found["accuracy_of_whole_batches"] = accuracy(predictions[:counted], labels[:counted])
        found["rows_of_whole_batches"] = counted
    return found


def chance(target: Target, labels: np.ndarray) -> tuple[float, float]:
    """What a model that has learnt nothing may score at most, and what is above that beyond doubt.

    Accuracy: the share of the commonest label, and three standard errors more; Pearson's r: 0, and 3/sqrt(N).
    """
    if target.kind == SCORE:
        return 0.0, 3 / np.sqrt(len(labels))
    known = labels[labels != NO_LABEL]
    commonest = np.bincount(known).max() / len(known)
    return commonest, commonest + 3 * np.sqrt(commonest * (1 - commonest) / len(known))


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Share of the labelled elements that are right."""
    known = labels != NO_LABEL
    return float((predictions[known] == labels[known]).mean())


def f1(predicted: np.ndarray, true: np.ndarray) -> float:
    """Harmonic mean of precision and recall of two boolean arrays; 0 where nothing is found."""
    return _f1(int((predicted & true).sum()), int(predicted.sum()), int(true.sum()))


def matthews(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Matthews correlation coefficient of any number of classes (Gorodkin 2004); 0 where it is undefined."""
    size = int(max(predictions.max(), labels.max())) + 1
    table = np.bincount(labels * size + predictions, minlength=size * size).reshape(size, size).astype(float)
    right, rows, columns, total = np.trace(table), table.sum(1), table.sum(0), table.sum()
    spread = np.sqrt((total**2 - columns @ columns) * (total**2 - rows @ rows))
    return float((right * total - rows @ columns) / spread) if spread else 0.0


def pearson(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Pearson's correlation coefficient; 0 where one side is constant."""
    left, right = (np.asarray(side, np.float64) for side in (predictions, labels))
    left, right = left - left.mean(), right - right.mean()
    spread = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / spread) if spread else 0.0


def spearman(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks."""
    return pearson(_ranks(predictions), _ranks(labels))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def spans(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Entities (kind, first, last) of B-, I- and S- tags, as conlleval reads them.

    An I- that follows no tag of its kind begins an entity.
    """
    kind, first = "", 0
    for place, tag in enumerate((*tags, OUTSIDE)):
        part, _, new = tag.partition("-")
        if kind and (part != "I" or new != kind):
            yield kind, first, place - 1
            kind = ""
        if part == "S":
            yield new, place, place
        elif part in ("B", "I") and not kind:
            kind, first = new, place


def _tagging_scores(target: Target, predictions: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    found, true = (_entities(target, tags, labels) for tags in (predictions, labels))
    known = labels != NO_LABEL
    outside = target.labels.index(OUTSIDE)
    predicted, wanted = predictions[known], labels[known]
    same = (predicted == wanted) & (wanted != outside)
    tokens = _f1(int(same.sum()), int((predicted != outside).sum()), int((wanted != outside).sum()))
    return {
        "entity_f1": _f1(len(found & true), len(found), len(true)),
        "token_f1": tokens,
        "accuracy": accuracy(predictions, labels),
    }


def _entities(target: Target, tags: np.ndarray, labels: np.ndarray) -> set[tuple[int, str, int, int]]:
    return {
        (row, *span)
        for row in range(len(tags))
        for span in spans([target.labels[tag] for tag in tags[row][labels[row] != NO_LABEL]])
    }


def _f1(right: int, found: int, wanted: int) -> float:
    return 2 * right / (found + wanted) if found + wanted else 0.0
