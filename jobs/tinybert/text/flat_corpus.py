"""A corpus as three flat arrays: tokens, where segments (sentences) begin, where documents begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinybert.stages.stage import Progress, StageError, say
from tinybert.text.compiled import compiled
from tinybert.text.known_words import KnownWords
from tinybert.text.lines import decode
from tinybert.text.scan import LINES, POSITION, WORDS, Scanned, character_classes, new_scanned, scan
from tinybert.text.tokenization import UNK, Vocabulary

_BLOCK_BYTES = 1 << 20


class FlatCorpus(NamedTuple):
    """Segment i is tokens[segments[i]:segments[i + 1]]; document j is segments documents[j] and following."""

    tokens: np.ndarray
    segments: np.ndarray
    documents: np.ndarray


def blocks_of(paths: Iterable[Path]) -> Iterator[bytes]:
    r"""Whole lines of all files, about a megabyte at a time; each ends with "\n", "\r" is deleted.

    Raises StageError, with file and line, for bytes that are not UTF-8.
    """
    for path in paths:
        yield from blocks_of_file(path, 0, path.stat().st_size)


def blocks_of_file(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The same of a part of a file, which begins and ends with a line."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            raw = file.read(min(_BLOCK_BYTES, end - start))
            raw = raw if raw.endswith(b"\n") else raw + file.readline()
            block = raw.replace(b"\r", b"")
            _check(block, path, start)
            start += len(raw)
            if block:
                yield block if block.endswith(b"\n") else block + b"\n"


def _check(block: bytes, path: Path, start: int) -> None:
    try:
        block.decode()
    except UnicodeDecodeError:
        with path.open("rb") as file:
            decode(block, path, 1 + file.read(start).count(b"\n"))


class CorpusReader:
    """Tokenises text for one vocabulary.

    A line that str.strip() empties ends a document. One that is not blank but has no token (U+200B) does not,
    and neither does the end of a file.
    """

    def __init__(self, vocabulary: Vocabulary, lower_case: bool) -> None:
        self._unknown = vocabulary.ids[UNK]
        self._classes = character_classes()
        self._words = KnownWords(vocabulary, lower_case)

    def read(self, blocks: Iterable[bytes]) -> tuple[FlatCorpus, dict[str, int]]:
        """The corpus, and how much of what is in it."""
        parts, unknown, segments = [], 0, 0
        progress = Progress()
        for block in blocks:
            for part in self._parts_of(block):
                parts.append(part)
                unknown += int(np.count_nonzero(part[0] == self._unknown))
                segments += len(part[1])
            progress.report("tokenized {} sentences", segments)
        corpus = _joined(parts)
        return corpus, _counts(corpus, unknown)

    def _parts_of(self, block: bytes) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Tokens, lengths of segments, and after how many segments documents end."""
        text, scanned = np.frombuffer(block, np.uint8), new_scanned(block)
        at = 0
        while at < len(block):
            scan(text, self._classes, self._words.table, scanned)
            self._words.learn()
            yield _expand(scanned, self._words)
            before, at = at, int(scanned.counts[POSITION])
            if at < len(block):
                self._words.forget(larger=at == before)
            scanned.counts[[WORDS, LINES]] = 0


def _expand(scanned: Scanned, words: KnownWords) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lines = scanned.counts[LINES]
    given = scanned.words[: scanned.counts[WORDS]]
    tokens = np.empty(_count_tokens(given, words.ranges), np.int32)
    segments, documents = np.empty(lines, np.int64), np.empty(lines, np.int64)
    made, ended = _put_in_place(scanned, words.ranges, words.tokens, tokens, segments, documents)
    return tokens, segments[:made].copy(), documents[:ended].copy()


@compiled
def _count_tokens(given, ranges):
    count = 0
    for word in given:
        count += ranges[word, 1] - ranges[word, 0]
    return count


@compiled
def _put_in_place(scanned, ranges, pieces, tokens, segments, documents):
    """Tokens of all words; lengths of segments; at which of them a document ends."""
    read = written = made = ended = 0
    for line in range(scanned.counts[LINES]):
        before = written
        while read < scanned.line_ends[line]:
            word = scanned.words[read]
            read += 1
            for at in range(ranges[word, 0], ranges[word, 1]):
                tokens[written] = pieces[at]
                written += 1
        if written > before:
            segments[made] = written - before
            made += 1
        elif scanned.line_is_blank[line]:
            documents[ended] = made
            ended += 1
    return made, ended


def _joined(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> FlatCorpus:
    nothing = np.zeros(0, np.int64)
    lengths = np.concatenate([nothing, *(part[1] for part in parts)])
    before = np.cumsum([0, *(len(part[1]) for part in parts)])
    ends = np.concatenate([nothing, *(part[2] + start for part, start in zip(parts, before))])
    tokens = np.concatenate([np.zeros(0, np.int32), *(part[0] for part in parts)])
    segments = np.concatenate([nothing[:0], [0], np.cumsum(lengths)]).astype(np.int64)
    documents = np.unique(np.concatenate([[0], ends, [len(lengths)]])).astype(np.int64)
    return FlatCorpus(tokens, segments, documents)


def _counts(corpus: FlatCorpus, unknown: int) -> dict[str, int]:
    return {
        "documents": len(corpus.documents) - 1,
        "sentences": len(corpus.segments) - 1,
        "tokens": len(corpus.tokens),
        "unknown_tokens": unknown,
    }


def say_counts(counts: dict[str, int]) -> None:
    """Say what was read, and warn of a single document. Raises StageError where there is no token."""
    if not counts["tokens"]:
        raise StageError("the corpus holds no text: no line of it has a token")
    say("read {documents} documents, {sentences} sentences, {tokens} tokens".format(**counts))
    if counts["documents"] == 1:
        say("warning: a single document: both halves of every next-sentence pair come from it")
