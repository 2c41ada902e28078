"""Rows of the files of GLUE (tab-separated) and CLUE (a JSON object a line), each checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from tinybert.stages.stage import StageError
from tinybert.tasks.tasks import OUTSIDE, Task

BOM = "\ufeff"  # MRPC's files begin with it
_HIGHEST_SCORE = 5.0

Label = Union[int, float, "list[int]", None]


class BadRow(ValueError):
    """What is wrong with a row."""


@dataclass(frozen=True)
class Row:
    """One example. `label`: an id, a score, a tag for each character, or None in a test set.

    `line` is what it was read from.
    """

    texts: tuple[str, ...]
    label: Label
    line: str


def read_rows(path: Path, task: Task, split: str, on_bad: Callable[[str], None]) -> Iterator[Row]:
    """Yield the rows of a file; `on_bad` is told "file:line: what is wrong" of those that are none.

    Lines end at line feeds and carriage returns are deleted, as TensorFlow reads them; quotes mean nothing.
    Raises StageError where the header lacks a column.
    """
    parse = _json_parser(task, split)
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = _decoded(raw)
                if number == 1 and task.suffix == ".tsv":
                    parse, is_header = _tsv_parser(path, task, split, line)
                    if is_header:
                        continue
                yield parse(line)
            except BadRow as error:
                on_bad(f"{path}:{number}: {error}")


def _decoded(raw: bytes) -> str:
    try:
        line = raw.replace(b"\r", b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRow(f"not UTF-8 (byte {error.start + 1} of the line: {error.reason})") from error
    line = line[:-1] if line.endswith("\n") else line
    if not line.strip():
        raise BadRow("an empty line")
    return line


def _tsv_parser(path: Path, task: Task, split: str, first: str) -> tuple[Callable[[str], Row], bool]:
    """What reads a line, and whether the first line is a header."""
    is_header = split not in task.headerless
    columns = first.removeprefix(BOM).split("\t") if is_header else list(task.columns)
    wanted = (*task.texts, task.label) if task.has_labels(split) else task.texts
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise StageError(
            f"{path}:1: the header lacks {' and '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, columns))}: is this the right --task?"
        )
    places = [columns.index(name) for name in wanted]

    def parse(line: str) -> Row:
        fields = line.split("\t")
        if len(fields) != len(columns):
            raise BadRow(f"{len(fields)} fields instead of {len(columns)}")
        found = [fields[place] for place in places]
        texts = tuple(found[: len(task.texts)])
        return Row(texts, _label_of(task, found[-1]) if task.has_labels(split) else None, line)

    return parse, is_header


def _label_of(task: Task, text: str) -> Label:
    if task.is_score:
        return _score_of(text)
    if text not in task.labels:
        raise BadRow(f"label {text!r} is none of {', '.join(task.labels)}")
    return task.labels.index(text)


def _score_of(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0 <= score <= _HIGHEST_SCORE:
        raise BadRow(f"score {text!r} is no number from 0 to {_HIGHEST_SCORE:g}")
    return score


def _json_parser(task: Task, split: str) -> Callable[[str], Row]:
    def parse(line: str) -> Row:
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadRow(f"no JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadRow("no JSON object")
        texts = tuple(_text_of(row, key) for key in task.texts)
        if not task.has_labels(split):
            return Row(texts, None, line)
        if task.entities:
            return Row(texts, _tags_of(task, texts[0], row.get(task.label)), line)
        return Row(texts, _label_of(task, str(row.get(task.label, "(missing)"))), line)

    return parse


def _text_of(row: dict[str, Any], key: str) -> str:
    text = row.get(key)
    if not isinstance(text, str):
        raise BadRow(f"{key!r} is {'no text' if key in row else 'missing'}")
    return text


def _tags_of(task: Task, text: str, entities: Any) -> list[int]:
    """A tag for each character, from {kind: {entity: [[first, last], ...]}} with both ends included."""
    tags = [OUTSIDE] * len(text)
    for kind, name, (first, last) in _entities_of(entities):
        if kind not in task.entities:
            raise BadRow(f"entities of kind {kind!r}, which is none of {', '.join(task.entities)}")
        if not 0 <= first <= last or text[first : last + 1] != name:
            raise BadRow(f"{kind} {name!r} is not at [{first}, {last}]")
        if any(tag != OUTSIDE for tag in tags[first : last + 1]):
            raise BadRow(f"{kind} {name!r} at [{first}, {last}] overlaps another entity")
        tags[first : last + 1] = [f"B-{kind}", *[f"I-{kind}"] * (last - first)]
        if first == last and f"S-{kind}" in task.labels:
            tags[first] = f"S-{kind}"
    return [task.labels.index(tag) for tag in tags]


def _entities_of(entities: Any) -> Iterator[tuple[str, str, tuple[int, int]]]:
    try:
        for kind, names in entities.items():
            for name, spans in names.items():
                for first, last in spans:
                    if not isinstance(first, int) or not isinstance(last, int):
                        raise TypeError
                    yield kind, name, (first, last)
    except (AttributeError, TypeError, ValueError) as error:
        raise BadRow("'label' is not of the form {kind: {entity: [[first, last]]}}") from error
