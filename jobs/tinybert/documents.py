"""Reading a corpus: a sentence a line, a blank line between documents, in one file or several."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from tinybert.instances import Document
from tinybert.lines import read_lines, require_file
from tinybert.stage import Progress, StageError, say
from tinybert.tokenization import Tokenizer


def expand_paths(patterns: str) -> list[Path]:
    """The files that a comma-separated list of paths and glob patterns names; each pattern's in sorted order.

    Raises StageError where one names no file, or a file cannot be read or is empty.
    """
    paths = []
    for pattern in filter(None, patterns.split(",")):
        found = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern))
        if not found:
            raise StageError(f"corpus {pattern} does not exist")
        paths += [Path(name) for name in found]
    if not paths:
        raise StageError("--corpus names no file")
    for path in paths:
        require_file(path, "corpus")
    return paths


def read_documents(paths: Iterable[Path], tokenizer: Tokenizer) -> list[Document]:
    """Tokenise all files into documents of segments.

    A line that str.strip() empties ends a document. One that is not blank but has no token (U+200B) does not,
    and neither does the end of a file.
    """
    documents: list[Document] = [[]]
    progress = Progress()
    for path in paths:
        for line in read_lines(path):
            text = line.strip()
            tokens = tokenizer.tokenize(text)
            if tokens:
                documents[-1].append(tokens)
            elif not text and documents[-1]:
                documents.append([])
                progress.report("tokenized {} documents", len(documents) - 1)
    return documents


def count_documents(documents: list[Document], unknown: int) -> dict[str, int]:
    """Count what was read, and say it. Raises StageError where there is no token."""
    segments = [segment for document in documents for segment in document]
    counts = {
        "documents": sum(map(bool, documents)),
        "sentences": len(segments),
        "tokens": sum(map(len, segments)),
        "unknown_tokens": sum(segment.count(unknown) for segment in segments),
    }
    if not segments:
        raise StageError("the corpus holds no text: no line of it has a token")
    say("read {documents} documents, {sentences} sentences, {tokens} tokens".format(**counts))
    if counts["documents"] == 1:
        say("warning: a single document: both halves of every next-sentence pair come from it")
    return counts
