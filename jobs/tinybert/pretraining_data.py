"""Make masked LM + next sentence TFRecords from a text corpus, as google-research/bert does.

With the same arguments and seed the records are those of its create_pretraining_data.py, one by one, except
that --masked-lm-prob 0 masks nothing. Input: a sentence a line, a blank line between documents; documents run
on from one file to the next.

With --stream the corpus is cut into parts, each of which is made like that with a seed of its own, in memory
that does not grow with the corpus, by all cores and all ranks (RANK_ID, RANK_SIZE). What is finished is not
done again after a kill.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any

from tinybert.records.encoding import RecordWriter
from tinybert.records.instances import InstanceOptions, make_instances
from tinybert.records.shards import complete_manifest, require_ours, staging_of, write_dataset
from tinybert.records.stream import Work, finish, make_shards, manifest_of_text
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.options import positive_int, probability, sequence_length
from tinybert.stages.share import rank_and_size
from tinybert.stages.stage import require_one_task, run_stage, say
from tinybert.text.compiled import compile_once
from tinybert.text.documents import expand_paths
from tinybert.text.flat_corpus import CorpusReader, blocks_of, say_counts
from tinybert.text.shards import TextShards
from tinybert.text.tokenization import SPECIAL_TOKENS, Vocabulary, load_vocabulary

_UNKNOWN_WARNING = 0.05
_MEGABYTE = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    if not options.stream:
        require_one_task()
    started = time.monotonic()
    corpus = expand_paths(options.corpus)
    vocabulary = load_vocabulary(options.vocab)
    made_from = {
        "kind": "pretraining",
        "arguments": _reproducible_arguments(options),
        "vocab_sha256": sha256_of(options.vocab),
        **_known_of(corpus, options.stream),
        "unicode": unicodedata.unidata_version,
    }
    manifest = _finished_before(options, corpus, made_from)
    if manifest is not None:
        say(f"{options.out} is up to date: {manifest['instances']} instances")
        return 0
    require_ours(options.out)
    compile_once(make_sample)
    make = make_in_parts if options.stream else make_pretraining_data
    manifest = make(options, corpus, vocabulary, made_from)
    if manifest is None:
        say(f"{options.out}: this rank has finished; the data set is complete when all of them have")
    else:
        _say_summary(manifest, options.out, time.monotonic() - started)
    return 0


def _known_of(corpus: list[Path], stream: bool) -> dict[str, Any]:
    """What tells one corpus from another; with --stream a part is told from another when it is read."""
    if stream:
        return {"corpus_bytes": sum(path.stat().st_size for path in corpus)}
    return {"corpus_sha256": [sha256_of(path) for path in corpus]}


def _finished_before(
    options: argparse.Namespace, corpus: list[Path], made_from: dict[str, Any]
) -> dict[str, Any] | None:
    if options.stream:
        return manifest_of_text(options.out, _text_of(options, corpus), made_from)
    return complete_manifest(options.out, made_from)


def _text_of(options: argparse.Namespace, corpus: list[Path]) -> TextShards:
    return TextShards(corpus, options.shard_mb * _MEGABYTE)


def make_pretraining_data(
    options: argparse.Namespace, corpus: list[Path], vocabulary: Vocabulary, made_from: dict[str, Any]
) -> dict[str, Any]:
    """Write the data set to `options.out` and return its manifest."""
    how = _instance_options(options)
    flat, counts = CorpusReader(vocabulary, not options.cased).read(blocks_of(corpus))
    say_counts(counts)
    instances, order = make_instances(flat, vocabulary, how, options.seed)
    return write_dataset(
        options.out,
        order,
        RecordWriter(flat, instances, vocabulary, how).write,
        options.shards,
        {
            **made_from,
            "instances": len(order),
            **_sizes(options, vocabulary),
            "counts": counts,
        },
    )


def make_sample() -> None:
    """Make the records of a text of one word: every compiled function is called."""
    ids = {token: number for number, token in enumerate(SPECIAL_TOKENS)}
    vocabulary = Vocabulary(ids, len(ids))
    how = InstanceOptions(5, 1, 0.5, 0.5, 1, False)
    corpus, _ = CorpusReader(vocabulary, True).read([b"a\n"])
    instances, order = make_instances(corpus, vocabulary, how, 0)
    RecordWriter(corpus, instances, vocabulary, how).write(io.BytesIO(), order)


def make_in_parts(
    options: argparse.Namespace, corpus: list[Path], vocabulary: Vocabulary, made_from: dict[str, Any]
) -> dict[str, Any] | None:
    """Make the shards of this rank and return the manifest, or None while shards of other ranks lack."""
    work = Work(
        _text_of(options, corpus),
        vocabulary,
        not options.cased,
        _instance_options(options),
        options.seed,
        options.out,
        staging_of(options.out, made_from),
    )
    rank, ranks = rank_and_size()
    make_shards(work, rank, ranks, options.workers, made_from)
    return finish(work, ranks, made_from, _sizes(options, vocabulary))


def _sizes(options: argparse.Namespace, vocabulary: Vocabulary) -> dict[str, int]:
    return {
        "max_seq_length": options.max_seq_length,
        "max_predictions_per_seq": options.max_predictions_per_seq,
        "vocab_size": vocabulary.size,
    }


def _say_summary(manifest: dict[str, Any], out: Path, seconds: float) -> None:
    counts = manifest["counts"]
    unknown = counts["unknown_tokens"] / counts["tokens"]
    say(
        f"{out}: {manifest['instances']} instances of {counts['documents']} documents and "
        f"{counts['sentences']} sentences, {unknown:.2%} of the tokens [UNK], {seconds:.1f} s"
    )
    if unknown > _UNKNOWN_WARNING:
        say(f"warning: {unknown:.1%} of the tokens are [UNK]: is this the vocabulary for this corpus?")


def _instance_options(options: argparse.Namespace) -> InstanceOptions:
    return InstanceOptions(
        max_seq_length=options.max_seq_length,
        max_predictions_per_seq=options.max_predictions_per_seq,
        masked_lm_prob=options.masked_lm_prob,
        short_seq_prob=options.short_seq_prob,
        dupe_factor=options.dupe_factor,
        whole_word_mask=options.whole_word_mask,
    )


def _reproducible_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What decides on the output: no paths (those are known by their content), no number of workers."""
    left_out = {"corpus", "vocab", "out", "workers", "shards" if options.stream else "shard_mb"}
    return {name: value for name, value in sorted(vars(options).items()) if name not in left_out}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.pretraining_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--corpus", required=True, help="text files: paths or glob patterns, separated by commas")
    add("--vocab", required=True, type=Path, help="WordPiece vocabulary, a token a line")
    add("--out", required=True, type=Path, help="directory for the TFRecord shards and manifest.json")
    numbers = {
        "--max-seq-length": (sequence_length, 128, "tokens of an instance"),
        "--max-predictions-per-seq": (positive_int, 20, "masked tokens of an instance, at most"),
        "--masked-lm-prob": (probability, 0.15, "share of the tokens to mask; 0 masks none"),
        "--short-seq-prob": (probability, 0.1, "share of the documents cut into shorter instances"),
        "--dupe-factor": (positive_int, 5, "passes over the corpus, each with its own masks"),
        "--seed": (int, 12345, "seed of all random choices"),
        "--shards": (positive_int, 8, "files to write; instance k goes to file k modulo this"),
        "--shard-mb": (positive_int, 16, "with --stream: MB of text of each file"),
        "--workers": (positive_int, len(os.sched_getaffinity(0)), "with --stream: processes on this host"),
    }
    for name, (kind, default, meaning) in numbers.items():
        add(name, type=kind, default=default, metavar="N", help=f"{meaning} (default {default})")
    add("--cased", action="store_true", help="keep case and accents (default: lower-case, strip accents)")
    add("--stream", action="store_true", help="part by part, in flat memory, by many workers and ranks")
    add("--whole-word-mask", action="store_true", help="mask all pieces of a word together")
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
