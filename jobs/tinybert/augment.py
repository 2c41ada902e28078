"""Augment the training rows of a task for task distillation: TinyBERT (Jiao et al. 2020), Algorithm 1.

Each row of --data's train file is followed by variants of it with the same label, in which words are replaced
by what the teacher's masked language head puts in their place, or by their neighbours among word vectors.
--out gets a file of the same name and form, for tinybert.glue, and a .json beside it that says what it holds.
Rows are worked on in parts; several ranks share them, and a killed run goes on with those that lack.
"""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from tinybert.augmentation.parts import Parts, finish
from tinybert.augmentation.replacements import Replacements
from tinybert.augmentation.rows import augmented, header_of, text_setter
from tinybert.augmentation.stop_words import load_stop_words
from tinybert.augmentation.word_vectors import load_word_vectors, sha256_of_word_vectors
from tinybert.models.vocabulary import check_same_case, vocabulary_path
from tinybert.models.weights import MODEL_FILE, SavedModel, open_model
from tinybert.records.outputs import require_not_input, require_own
from tinybert.records.shards import STAGING, staging_of
from tinybert.stages.artifacts import is_up_to_date, sha256_of
from tinybert.stages.options import positive_int, probability
from tinybert.stages.rank import Rank, start
from tinybert.stages.share import one_rank_at_a_time, rank_and_size
from tinybert.stages.stage import Progress, run_stage, say
from tinybert.tasks.rows import Row, read_rows
from tinybert.tasks.sources import check_rows, find_sources
from tinybert.tasks.tasks import TASKS, Task
from tinybert.text.tokenization import Vocabulary, load_vocabulary

SPLIT = "train"
ROWS_OF_A_PART = 1000
_FORM = 1  # of the output; another number makes it anew
_TASKS = sorted(name for name, task in TASKS.items() if not task.entities)  # an entity's words carry tags
_VARIANTS_OF_PAPER = 20
_VARIANTS = {"cola": 30, "mrpc": 30, "rte": 30, "stsb": 30, "mnli": 10, "qqp": 10}  # of the authors' script


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    options.variants = options.variants or _VARIANTS.get(options.task, _VARIANTS_OF_PAPER)
    rank, size = rank_and_size()
    task = TASKS[options.task]
    source = find_sources(options.data, task, [SPLIT])[SPLIT]
    out = options.out / source.name
    _require_free(out, source)
    teacher = open_model(options.teacher)
    options.vocab = vocabulary_path(teacher, options.vocab)
    check_same_case(teacher, not options.cased, "this")
    vocabulary = load_vocabulary(options.vocab)
    made_from = _made_from(options, source)
    if is_up_to_date(out, made_from):
        say(f"{out} is up to date")
        return 0
    rows = check_rows(task, {SPLIT: source}, options.skip_malformed)
    parts = Parts(staging_of(options.out, made_from), -(-rows // ROWS_OF_A_PART))
    pending = [part for part in range(rank, parts.count, size) if parts.finished(part) is None]
    say(f"rank {rank} of {size}: {len(pending)} of {parts.count} parts to augment, {rows} rows in all")
    if pending:
        make_parts(options, task, source, parts, pending, _replacements(options, vocabulary, teacher))
    with one_rank_at_a_time(options.out):
        finish(out, header_of(source, task, SPLIT), parts, made_from)
    return 0


def make_parts(
    options: argparse.Namespace,
    task: Task,
    source: Path,
    parts: Parts,
    pending: list[int],
    replacements: Replacements,
) -> None:
    """Write those of the parts that are `pending`, in their order."""
    set_text = text_setter(task, header_of(source, task, SPLIT))
    progress = Progress()
    for part, rows in enumerate(_parts_of(source, task)):
        if part not in pending:
            continue
        sentences, words = replacements.of(
            (text for row in rows for text in row.texts),
            partial(progress.report, f"part {part}: {{}} of {{}} masked words"),
        )
        lines = (
            line
            for number, row in enumerate(rows, part * ROWS_OF_A_PART)
            for line in augmented(
                row, sentences, set_text, options.variants, options.probability, (options.seed, number)
            )
        )
        counts = parts.write(part, lines, {"rows": len(rows), **asdict(words)})
        say(f"part {part} of {parts.count}: {counts['rows']} rows became {counts['augmented_rows']}")


def _parts_of(source: Path, task: Task) -> Iterator[list[Row]]:
    rows = read_rows(source, task, SPLIT, lambda _malformed: None)  # which were named when all were checked
    return iter(lambda: list(islice(rows, ROWS_OF_A_PART)), [])


def _replacements(options: argparse.Namespace, vocabulary: Vocabulary, teacher: SavedModel) -> Replacements:
    vectors = load_word_vectors(options.word_vectors) if options.word_vectors else None
    # No rank needs another: MindSpore is told that it is alone.
    alone = {name: value for name, value in os.environ.items() if name not in ("RANK_ID", "RANK_SIZE")}
    rank = Rank.from_environment(options.device, alone)
    start(rank, options.seed)
    from tinybert.augmentation.masked_words import MaskedWords

    return Replacements(
        vocabulary,
        not options.cased,
        load_stop_words(options.stop_words),
        MaskedWords(teacher, options.candidates, rank.device),
        vectors,
        options.candidates,
        teacher.model.max_position_embeddings,
    )


def _require_free(out: Path, source: Path) -> None:
    """Raise StageError where the output would replace its source, or a file that is not of this stage."""
    require_own(out, unfinished=any(out.parent.glob(f"{STAGING}*")))
    require_not_input(out, "source", source)


def _made_from(options: argparse.Namespace, source: Path) -> dict[str, Any]:
    """What decides the output."""
    return {
        "kind": "augmented",
        "form": _FORM,
        "task": options.task,
        "variants": options.variants,
        "candidates": options.candidates,
        "probability": options.probability,
        "seed": options.seed,
        "lower_case": not options.cased,
        "skip_malformed": options.skip_malformed,
        "source": source.name,
        "source_sha256": sha256_of(source),
        "vocab_sha256": sha256_of(options.vocab),
        "teacher_sha256": sha256_of(options.teacher / MODEL_FILE),
        "word_vectors_sha256": options.word_vectors and sha256_of_word_vectors(options.word_vectors),
        "stop_words": sorted(load_stop_words(options.stop_words)),
        "unicode": unicodedata.unidata_version,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.augment", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", required=True, choices=_TASKS)
    add("--data", required=True, type=Path, help="directory with the train file of the task")
    add(
        "--teacher",
        required=True,
        type=Path,
        help="model that tinybert.convert or pretrain made, with its MLM head",
    )
    add("--vocab", type=Path, metavar="FILE", help="its vocabulary (default: vocab.txt beside the teacher)")
    add("--out", required=True, type=Path, help="directory for the augmented train file")
    add("--word-vectors", type=Path, metavar="FILE", help="GloVe's text form, for words of several pieces")
    add("--variants", type=positive_int, metavar="N", help="of a text, at most (default: by task)")
    add("--candidates", type=positive_int, default=15, metavar="K", help="for a word, at most (default: 15)")
    add("--probability", type=probability, default=0.4, metavar="P", help="to replace a word (default: 0.4)")
    add("--seed", type=int, default=12345, metavar="N", help="of what is drawn (default: 12345)")
    add("--cased", action="store_true", help="keep case and accents (default: lower-case, strip accents)")
    add("--stop-words", type=Path, metavar="FILE", help="words to keep, one a line (default: of English)")
    add("--skip-malformed", action="store_true", help="leave out rows that cannot be read, and say which")
    add("--device", choices=("auto", "cpu", "ascend"), default="auto", help="default: auto")
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
