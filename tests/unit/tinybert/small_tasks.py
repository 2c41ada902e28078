"""Labelled records that are easily learnt, as tinybert.glue leaves them."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from tinybert.records.tfrecord import encode_example, write_record
from tinybert.stages.artifacts import artifact
from tinybert.tasks.tasks import TASKS
from tinybert.text.tokenization import SPECIAL_TOKENS

LENGTH = 8
VOCABULARY = "".join(f"{token}\n" for token in (*SPECIAL_TOKENS, *map(str, range(45)))).encode()
VOCABULARY_SHA256 = hashlib.sha256(VOCABULARY).hexdigest()


def task_example(task: str, number: int) -> dict[str, list]:
    """What is asked for stands in every token but the first and last. Texts have 3 to 8 tokens."""
    draw = random.Random(number)
    real = draw.randint(3, LENGTH)
    answer = draw.randrange(2)
    padding = [0] * (LENGTH - real)
    tokens = [2, *(5 + 2 * draw.randrange(20) + answer for _ in range(real - 2)), 3]
    if TASKS[task].is_score:
        label: list = [float(answer)]
    elif TASKS[task].entities:
        label = [-100, *[1 + answer] * (real - 2), *[-100] * (LENGTH - real + 1)]
    else:
        label = [answer]
    return {
        "input_ids": tokens + padding,
        "input_mask": [1] * real + padding,
        "segment_ids": [0] * LENGTH,
        "label_ids": label,
        "is_real_example": [1],
    }


def write_task(directory: Path, task: str = "sst2", **rows: int) -> Path:
    """Splits of a task and their vocabulary, by default 40 rows of train and 21 of dev."""
    labels = list(TASKS[task].labels) or "score from 0 to 5"
    if TASKS[task].entities:
        labels = ["O", "B-name", "I-name"]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_bytes(VOCABULARY)
    for split, count in (rows or {"train": 40, "dev": 21}).items():
        made_from = {
            "task": task,
            "labels": labels,
            "labels_known": not split.startswith("test"),
            "lower_case": True,
            "vocab_sha256": VOCABULARY_SHA256,
        }
        with artifact(directory / f"{split}.tfrecord", made_from, {"rows": count}) as file:
            for number in range(count):
                write_record(file, encode_example(task_example(task, number + 1000 * (split != "train"))))
    return directory


@pytest.fixture(scope="session")
def sst2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and dev records of a task with two classes."""
    return write_task(tmp_path_factory.mktemp("sst2"))


@pytest.fixture(scope="session")
def stsb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a task with a score."""
    return write_task(tmp_path_factory.mktemp("stsb"), "stsb")


@pytest.fixture(scope="session")
def cluener(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a task with tags."""
    return write_task(tmp_path_factory.mktemp("cluener"), "cluener")
