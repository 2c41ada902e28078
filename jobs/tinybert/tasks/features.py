"""Rows to the features that Google's run_classifier.py writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tinybert.tasks.rows import Row
from tinybert.tasks.tasks import Task
from tinybert.text.tokenization import CLS, SEP, UNK, Tokenizer, Vocabulary

NO_LABEL = -100
"""Label of a token that has none: [CLS], [SEP], padding, and all tokens of a test set."""


@dataclass
class Counts:
    """What is counted on the way. `truncated`: rows of which something was cut off; `longest`: tokens."""

    rows: int = 0
    truncated: int = 0
    longest: int = 0
    tokens: int = 0
    unknown_tokens: int = 0
    rows_without_text: int = 0
    labels: Counter[str] = field(default_factory=Counter)


class RecordMaker:
    """Makes the features of rows, each of `length` tokens."""

    def __init__(self, task: Task, vocabulary: Vocabulary, lower_case: bool, length: int) -> None:
        self.counts = Counts()
        self._task = task
        self._ids = vocabulary.ids
        self._tokenizer = Tokenizer(vocabulary, lower_case=lower_case)
        self._length = length

    def features_of(self, row: Row) -> dict[str, Any]:
        """Features of one row; a label that is not known is the first one, as in the reference."""
        if self._task.entities:
            parts = [[self._character_id(character) for character in row.texts[0]]]
        else:
            parts = [list(self._tokenizer.tokenize(text)) for text in row.texts]
        self._count(row, parts)
        if len(parts) == 2 and not parts[1]:  # the reference takes it for a single text
            parts.pop()
        _truncate(parts, self._length - 1 - len(parts))
        return self._features(parts, self._labels_of(row, parts))

    def _character_id(self, character: str) -> int:
        """A token for each character, so that tags fit; spaces and what the vocabulary lacks are [UNK]."""
        pieces = self._tokenizer.tokenize(character)
        return pieces[0] if len(pieces) == 1 else self._ids[UNK]

    def _labels_of(self, row: Row, parts: list[list[int]]) -> list[Any]:
        if not self._task.entities:
            unknown = 0.0 if self._task.is_score else 0
            return [unknown if row.label is None else row.label]
        size = len(parts[0])
        tags = [NO_LABEL] * size if row.label is None else row.label[:size]
        return [NO_LABEL, *tags, *[NO_LABEL] * (self._length - 1 - size)]

    def _features(self, parts: list[list[int]], labels: list[Any]) -> dict[str, Any]:
        tokens, segments = [self._ids[CLS]], [0]
        for number, part in enumerate(parts):
            tokens += [*part, self._ids[SEP]]
            segments += [number] * (len(part) + 1)
        padding = [0] * (self._length - len(tokens))
        return {
            "input_ids": tokens + padding,
            "input_mask": [1] * len(tokens) + padding,
            "segment_ids": segments + padding,
            "label_ids": labels,
            "is_real_example": [1],
        }

    def _count(self, row: Row, parts: list[list[int]]) -> None:
        size = sum(map(len, parts)) + 1 + len(parts)
        unknown = self._ids[UNK]
        self.counts.rows += 1
        self.counts.truncated += size > self._length
        self.counts.longest = max(self.counts.longest, size)
        self.counts.tokens += size
        self.counts.unknown_tokens += sum(part.count(unknown) for part in parts)
        self.counts.rows_without_text += not all(parts)
        if row.label is not None and not self._task.is_score:
            labels = row.label if isinstance(row.label, list) else [row.label]
            self.counts.labels.update(self._task.labels[label] for label in labels)


def _truncate(parts: list[list[int]], room: int) -> None:
    """Take tokens from the end of the longer part, of the second one where both are as long."""
    while sum(map(len, parts)) > room:
        max(reversed(parts), key=len).pop()
