"""Make a text corpus for BERT's pretraining data: a sentence a line, a blank line after each document.

--source is a Wikipedia dump (.xml, .xml.bz2), a text file that is in this form already (it is checked and
copied), or the word "docstrings": English prose from the docstrings of the installed Python and its packages.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

from tinybert.records.outputs import require_not_input
from tinybert.stages.artifacts import artifact, is_up_to_date, stamp_of
from tinybert.stages.options import positive_int
from tinybert.stages.stage import StageError, require_one_task, run_stage, say
from tinybert.text.lines import read_lines, require_file

DOCSTRINGS = "docstrings"
_DOCSTRINGS_BYTES = 3_000_000  # enough to learn from, and seconds to collect
_DUMP_SUFFIXES = (".xml", ".bz2")
_ARCHIVE_SUFFIXES = (".gz", ".xz", ".zst", ".7z", ".zip", ".tar")


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    require_one_task()
    if options.source == DOCSTRINGS:
        options.max_bytes = options.max_bytes or _DOCSTRINGS_BYTES
    else:
        _require_source(Path(options.source), options.out)
    made_from = _made_from(options)
    if is_up_to_date(options.out, made_from):
        say(f"{options.out} is up to date")
        return 0
    with closing(_documents(options)) as documents:
        write_corpus(options.out, documents, options.max_bytes, made_from)
    return 0


def _require_source(source: Path, out: Path) -> None:
    require_file(source, "source")
    if source.suffix in _ARCHIVE_SUFFIXES:
        raise StageError(f"source {source} is packed: unpack it first (of packed dumps .bz2 can be read)")
    require_not_input(out, "source", source)


def _made_from(options: argparse.Namespace) -> dict[str, Any]:
    """What decides the output: arguments, input, and the programs that split and extract."""
    arguments = {"max_bytes": options.max_bytes, "allow_truncated": options.allow_truncated}
    if options.source == DOCSTRINGS:
        from tinybert.text.docstrings import installed_versions

        return {"source": DOCSTRINGS, "arguments": arguments, "versions": installed_versions()}
    source = Path(options.source).resolve()
    made_from = {"source": str(source), "stamp": stamp_of(source), "arguments": arguments}
    if _is_dump(source):
        made_from["versions"] = {"sentencex": metadata.version("sentencex")}
    return made_from


def _is_dump(source: Path) -> bool:
    return source.suffix in _DUMP_SUFFIXES


def _documents(options: argparse.Namespace) -> Iterator[list[str]]:
    if options.source == DOCSTRINGS:
        from tinybert.text.docstrings import prose_documents, source_files

        return prose_documents(source_files())
    source = Path(options.source)
    if _is_dump(source):
        from tinybert.wiki.articles import dump_documents

        scratch = options.out.with_name(f".{options.out.name}.whole-pages.xml")
        return dump_documents(source, options.allow_truncated, scratch)
    return text_documents(source)


def text_documents(source: Path) -> Iterator[list[str]]:
    """Yield the lines of each document of a text file; blank lines stand between documents."""
    document: list[str] = []
    for line in read_lines(source):
        if line.strip():
            document.append(line)
        elif document:
            yield document
            document = []
    if document:
        yield document


def write_corpus(
    out: Path, documents: Iterator[list[str]], max_bytes: int | None, made_from: dict[str, Any]
) -> dict[str, int]:
    """Write whole documents, `max_bytes` at most, and return counts of documents, sentences and bytes.

    Raises StageError for fewer than two documents: next-sentence pairs would all come from one.
    """
    started = time.monotonic()
    counts = {"documents": 0, "sentences": 0, "bytes": 0}
    with artifact(out, made_from, counts) as file:
        for document in documents:
            block = "".join(f"{sentence}\n" for sentence in [*document, ""]).encode()
            if max_bytes and counts["bytes"] + len(block) > max_bytes:
                say(f"stopped at --max-bytes {max_bytes}")
                break
            file.write(block)
            counts["documents"] += 1
            counts["sentences"] += len(document)
            counts["bytes"] += len(block)
        if counts["documents"] < 2:
            found = "a single document" if counts["documents"] else "no document"
            raise StageError(
                f"{made_from['source']} gives {found}, and a corpus needs two at least: in a text file "
                "a blank line ends a document, and --max-bytes takes whole documents only"
            )
    say(f"{out}: {_listed(counts)}, {time.monotonic() - started:.1f} s")
    return counts


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--source", required=True, metavar="PATH|docstrings", help="what to make the corpus from")
    add("--out", required=True, type=Path, help="text file to write; <out>.json says what it was made from")
    add("--allow-truncated", action="store_true", help="take the whole pages of a dump that is cut")
    add(
        "--max-bytes",
        type=positive_int,
        metavar="N",
        help=f"stop before the document that exceeds this (docstrings: {_DOCSTRINGS_BYTES} unless given)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
