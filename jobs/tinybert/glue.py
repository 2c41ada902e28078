"""Make TFRecords of a task of GLUE or CLUE, as google-research/bert run_classifier.py does.

--data holds the task's files as their archive has them (train.tsv, dev.tsv, test.tsv; .json for CLUE). Each
becomes <out>/<split>.tfrecord, beside a <split>.tfrecord.json that says what it holds. All rows of all files
are checked before anything is written. Several ranks share the files.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

from tinybert.records.outputs import require_own
from tinybert.records.tfrecord import encode_example, write_record
from tinybert.stages.artifacts import artifact, is_up_to_date, sha256_of
from tinybert.stages.options import sequence_length
from tinybert.stages.share import rank_and_size, share_of
from tinybert.stages.stage import Progress, run_stage, say
from tinybert.tasks.features import Counts, RecordMaker
from tinybert.tasks.rows import read_rows
from tinybert.tasks.sources import check_rows, find_sources
from tinybert.tasks.tasks import TASKS, Task, with_tags
from tinybert.text.tokenization import load_vocabulary

_FORM = 1  # of the records; another number makes them anew


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    task = with_tags(TASKS[options.task], options.tags)
    sources = find_sources(options.data, task, options.splits)
    vocab_sha256 = sha256_of(options.vocab) if options.vocab.is_file() else ""
    made_from = {
        split: _made_from(options, task, split, source, vocab_sha256) for split, source in sources.items()
    }
    mine = share_of(list(sources))
    rank, size = rank_and_size()
    say(f"rank {rank} of {size}: {len(mine)} of {len(sources)} files to make: {', '.join(mine) or 'none'}")
    pending = [split for split in mine if not is_up_to_date(_output(options, split), made_from[split])]
    for split in mine:
        if split not in pending:
            say(f"{_output(options, split)} is up to date")
    for split in pending:
        require_own(_output(options, split), unfinished=_mark(_output(options, split)).exists())
    if pending:
        vocabulary = load_vocabulary(options.vocab)
        check_rows(task, sources, options.skip_malformed)
        for split in pending:
            maker = RecordMaker(task, vocabulary, not options.cased, options.max_seq_length)
            write_records(_output(options, split), task, split, sources[split], maker, made_from[split])
    return 0


def write_records(
    out: Path, task: Task, split: str, source: Path, maker: RecordMaker, made_from: dict[str, Any]
) -> None:
    """Write the records of a file, and counts beside them."""
    started = time.monotonic()
    progress = Progress()
    left_out: list[str] = []
    counts: dict[str, Any] = {}
    with artifact(out, made_from, counts) as file:
        for row in read_rows(source, task, split, left_out.append):
            write_record(file, encode_example(maker.features_of(row)))
            progress.report(f"{split}: wrote {{}} records", maker.counts.rows)
        counts.update(_counts_of(maker.counts, task, len(left_out)))
        _mark(out).touch()
    _mark(out).unlink()
    say(
        f"{out}: {maker.counts.rows} records, longest of {maker.counts.longest} tokens, "
        f"{maker.counts.truncated} truncated, {time.monotonic() - started:.1f} s"
    )


def _counts_of(counts: Counts, task: Task, left_out: int) -> dict[str, Any]:
    found = {label: counts.labels[label] for label in task.labels if counts.labels[label]}
    return {**dataclasses.asdict(counts), "malformed_rows_left_out": left_out, "labels": found}


def _output(options: argparse.Namespace, split: str) -> Path:
    return options.out / f"{split}.tfrecord"


def _mark(out: Path) -> Path:
    """What says that a file is ours while its sidecar does not: a run may be killed between the two."""
    return out.with_name(f".{out.name}.ours")


def _made_from(
    options: argparse.Namespace, task: Task, split: str, source: Path, vocab_sha256: str
) -> dict[str, Any]:
    """What decides the records, and what a reader of them must know."""
    return {
        "kind": "classification" if not task.entities else "tagging",
        "form": _FORM,
        "task": options.task,
        "split": split,
        "labels": list(task.labels) or "score from 0 to 5",
        "labels_known": task.has_labels(split),
        "max_seq_length": options.max_seq_length,
        "lower_case": not options.cased,
        "skip_malformed": options.skip_malformed,
        "source": source.name,
        "source_sha256": sha256_of(source),
        "vocab_sha256": vocab_sha256,
        "unicode": unicodedata.unidata_version,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.glue", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", required=True, choices=sorted(TASKS))
    add("--data", required=True, type=Path, help="directory with the files of the task")
    add("--vocab", required=True, type=Path, help="WordPiece vocabulary, a token a line")
    add("--out", required=True, type=Path, help="directory for the TFRecord files")
    add("--splits", type=lambda text: text.split(","), metavar="A,B", help="default: all that are there")
    add("--max-seq-length", type=sequence_length, default=128, metavar="N", help="tokens (default 128)")
    add("--cased", action="store_true", help="keep case and accents (default: lower-case, strip accents)")
    add("--tags", choices=("bio", "bios"), default="bio", help="tags of cluener (default bio)")
    add("--skip-malformed", action="store_true", help="leave out rows that cannot be read, and say which")
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
