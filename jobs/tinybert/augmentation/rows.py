"""Rows of a task with other texts in them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from tinybert.augmentation.replacements import Sentence, variants
from tinybert.tasks.rows import BOM, Row
from tinybert.tasks.tasks import Task

SetText = Callable[[str, int, str], str]
"""A row's line with another text in its n-th column of text."""


def header_of(path: Path, task: Task, split: str) -> str | None:
    """The first line of a TSV file, unless it is a row, too."""
    if task.suffix != ".tsv" or split in task.headerless:
        return None
    with path.open("rb") as file:
        return file.readline().replace(b"\r", b"").decode("utf-8").rstrip("\n")


def text_setter(task: Task, header: str | None) -> SetText:
    """What puts texts into lines. `header` as `header_of` gives it."""
    if task.suffix == ".json":
        return lambda line, number, text: json.dumps(
            {**json.loads(line), task.texts[number]: text}, ensure_ascii=False
        )
    columns = task.columns if header is None else header.removeprefix(BOM).split("\t")
    places = [columns.index(name) for name in task.texts]

    def set_field(line: str, number: int, text: str) -> str:
        fields = line.split("\t")
        fields[places[number]] = text
        return "\t".join(fields)

    return set_field


def augmented(
    row: Row,
    sentences: dict[str, Sentence],
    set_text: SetText,
    count: int,
    probability: float,
    seed: tuple[int, int],
) -> Iterator[str]:
    """The lines of a row: itself, then at most `count` variants of each of its texts, the other unchanged.

    `seed`: that of the whole, and the row's number; equal ones give equal variants.
    """
    yield row.line
    for number, text in enumerate(row.texts):
        draw = random.Random(_number_from(*seed, number))
        for variant in variants(text, sentences[text], count, probability, draw):
            yield set_text(row.line, number, variant)


def _number_from(*numbers: int) -> int:
    return int.from_bytes(hashlib.sha256(" ".join(map(str, numbers)).encode()).digest()[:8], "little")
