"""A directory with a vocabulary and rows of a task, and the glue stage run in it."""

from __future__ import annotations

from pathlib import Path

from tinybert.glue import main
from tinybert.records.tfrecord import decode_example, read_records
from tinybert.stages.stage import run_stage

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "##e", "王", "小", "在", "北"]
CLS, SEP, UNK = 2, 3, 1
A, B, C, D = 5, 6, 7, 8
LENGTH = 8
SST2 = "sentence\tlabel\na b \t1\nc\t0\n"


def make_place(path: Path) -> Path:
    """The vocabulary, and an empty directory for rows."""
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    (path / "data").mkdir()
    return path


def run(place, task, *more, out="out"):
    words = ["--task", task, "--data", place / "data", "--vocab", place / "vocab.txt", "--out", place / out]
    return run_stage(lambda: main([*map(str, words), "--max-seq-length", str(LENGTH), *map(str, more)]))


def write(place, name, content):
    data = content if isinstance(content, bytes) else content.encode()
    (place / "data" / name).write_bytes(data)


def records(place, split, out="out"):
    return [decode_example(record) for record in read_records(place / out / f"{split}.tfrecord")]
