"""Make a text corpus of a Wikipedia dump: a sentence a line, no titles, a blank line after each document.

The dump (.xml, .xml.bz2 of one stream or many) is cut into splits at page ends; each becomes a file of --out,
and manifest.json comes last. Splits that are there already are not made again. Several ranks share them, on
one host or on many; where they share --out, too, one of them reads the dump through for all.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from tinybert.records.outputs import require_own
from tinybert.records.shards import complete_manifest
from tinybert.stages.artifacts import (
    artifact,
    describe,
    is_up_to_date,
    read_json,
    sidecar_of,
    stamp_of,
    write_json,
)
from tinybert.stages.options import positive_int
from tinybert.stages.share import one_rank_at_a_time, rank_and_size
from tinybert.stages.stage import Progress, StageError, run_stage, say
from tinybert.text.lines import require_file
from tinybert.wiki.articles import (
    PATIENCE,
    WIKIEXTRACTOR_VERSION,
    extract_splits,
    processors,
    read_through,
    require_whole,
    require_wikiextractor,
    sentences_of,
)
from tinybert.wiki.bookmark import Bookmark
from tinybert.wiki.dump import DumpContents, Split

_SPLIT_BYTES = 32_000_000
_MANIFEST = "manifest.json"
_PARTS = "part-*-of-*.txt"
_WORK = ".work"


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    rank, size = rank_and_size()
    require_file(options.dump, "dump")
    require_wikiextractor()
    made_from = _made_from(options)
    manifest = complete_manifest(options.out, made_from)
    if manifest and "damage" in manifest:  # those of before do not say whether the dump was whole
        require_whole(options.dump, manifest["damage"], manifest["last_page"], options.allow_truncated)
        say(f"{options.out} is up to date")
        return 0
    work = options.out / _WORK
    _make_directory(work)
    with one_rank_at_a_time(options.out):
        contents = read_once(options, work / "templates.xml", made_from)
    require_whole(options.dump, contents.damage, contents.last_title, options.allow_truncated)
    parts = part_paths(options.out, contents)
    pending = [
        (part, split)
        for part, split in list(zip(parts, contents.splits))[rank::size]
        if not is_up_to_date(part, made_from)
    ]
    say(f"rank {rank} of {size}: {len(pending)} of {len(parts)} splits to extract")
    extract_parts(options, contents, pending, made_from)
    with one_rank_at_a_time(options.out):
        finish(options.out, parts, contents, made_from)
    return 0


def read_once(options: argparse.Namespace, templates: Path, made_from: dict[str, Any]) -> DumpContents:
    """What the dump holds: read through now, or by an earlier run or another rank.

    Files that an earlier dump or other options left in --out go.
    """
    if not is_up_to_date(templates, made_from):
        bookmark = Bookmark(templates.with_name("bookmark.json"), made_from)
        with templates.with_name("unfinished.xml").open("a+b") as file:
            found = asdict(read_through(options.dump, options.split_bytes, file, bookmark))
            _remove_others(options.out, made_from)
            os.fsync(file.fileno())
        Path(file.name).replace(templates)
        describe(templates, made_from, found)
    contents = DumpContents.from_dict((read_json(sidecar_of(templates)) or {})["counts"])
    if not contents.splits:
        raise StageError(f"{options.dump} holds no article: {contents.pages} pages of other kinds")
    return contents


def extract_parts(
    options: argparse.Namespace,
    contents: DumpContents,
    pending: list[tuple[Path, Split]],
    made_from: dict[str, Any],
) -> None:
    """Write the file of each split, in their order."""
    splits = [split for _part, split in pending]
    total = sum(split.articles for split in splits)
    extracted = 0
    progress = Progress()
    work = options.out / _WORK
    found = extract_splits(
        options.dump, contents, splits, work / "templates.xml", options.processes, 60.0 * options.patience
    )
    for (part, _split), (_same, articles) in zip(pending, found):
        counts = {"documents": 0, "sentences": 0, "bytes": 0}
        with artifact(part, made_from, counts) as file:
            for article in articles:
                file.write(_block(sentences_of(article, contents.language), counts))
                extracted += 1
                progress.report("extracted {} of {} articles", extracted, total)
            if not counts["bytes"]:
                file.write(b"\n")  # no text in the whole split; readers of a corpus refuse empty files
            (work / part.name).touch()  # says that the file is ours until its sidecar does
        say(f"{part}: {_listed(counts)}")


def _block(sentences: list[str], counts: dict[str, int]) -> bytes:
    if not sentences:
        return b""
    block = "".join(f"{sentence}\n" for sentence in [*sentences, ""]).encode()
    counts["documents"] += 1
    counts["sentences"] += len(sentences)
    counts["bytes"] += len(block)
    return block


def finish(out: Path, parts: list[Path], contents: DumpContents, made_from: dict[str, Any]) -> None:
    """Write the manifest where all files are there, made here or by other ranks; else say what lacks."""
    missing = [part for part in parts if not is_up_to_date(part, made_from)]
    if missing:
        say(f"{out}: {len(missing)} of {len(parts)} splits are for other ranks to extract")
        return
    records = [(read_json(sidecar_of(part)) or {})["counts"] for part in parts]
    counts = {name: sum(record[name] for record in records) for name in records[0]}
    files = [{"name": part.name, "bytes": part.stat().st_size} for part in parts]
    found = {"language": contents.language, "damage": contents.damage, "last_page": contents.last_title}
    write_json(out / _MANIFEST, {"schema": 1, **made_from, **found, "counts": counts, "files": files})
    shutil.rmtree(out / _WORK, ignore_errors=True)
    say(f"{out}: {_listed(counts)}, {len(parts)} files")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def part_paths(out: Path, contents: DumpContents) -> list[Path]:
    """The file of each split."""
    count = len(contents.splits)
    return [out / f"part-{index:05d}-of-{count:05d}.txt" for index in range(count)]


def _remove_others(out: Path, made_from: dict[str, Any]) -> None:
    """Remove files of an earlier dump or of other options. Raises StageError where one is not ours."""
    others = [part for part in out.glob(_PARTS) if not is_up_to_date(part, made_from)]
    for part in others:
        require_own(part, unfinished=(out / _WORK / part.name).exists())
    (out / _MANIFEST).unlink(missing_ok=True)
    for part in others:
        part.unlink()
        sidecar_of(part).unlink(missing_ok=True)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StageError(f"cannot write {path}: {error.filename}: {error.strerror}") from error


def _made_from(options: argparse.Namespace) -> dict[str, Any]:
    """What decides the output: the dump, where it is cut, and the programs that extract and split."""
    return {
        "kind": "corpus",
        "dump": options.dump.name,
        "stamp": stamp_of(options.dump),
        "split_bytes": options.split_bytes,
        "versions": {"wikiextractor": WIKIEXTRACTOR_VERSION, "sentencex": metadata.version("sentencex")},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.extract", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dump", required=True, type=Path, help="Wikipedia dump: .xml or .xml.bz2")
    add("--out", required=True, type=Path, help="directory for part-*.txt and manifest.json")
    add("--allow-truncated", action="store_true", help="take the whole pages of a dump that is cut")
    add(
        "--split-bytes",
        type=positive_int,
        default=_SPLIT_BYTES,
        metavar="N",
        help=f"bytes of XML after which a split ends with its page (default {_SPLIT_BYTES})",
    )
    add(
        "--processes",
        type=positive_int,
        default=processors(),
        metavar="N",
        help="processes that extract (default: the processors of this machine)",
    )
    add(
        "--patience",
        type=positive_int,
        default=PATIENCE // 60,
        metavar="MINUTES",
        help=f"of silence, after which wikiextractor is ended (default {PATIENCE // 60})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
