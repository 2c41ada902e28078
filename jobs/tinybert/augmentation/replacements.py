"""Words that may stand in for those of a sentence: TinyBERT (Jiao et al. 2020), Algorithm 1.

A word of one WordPiece is masked, and the teacher's MLM head says what may stand there; for a word of several
pieces its neighbours among word vectors do.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Callable, Protocol

from tinybert.text.tokenization import (
    CLS,
    CONTINUATION,
    MASK,
    SEP,
    Tokenizer,
    Vocabulary,
    basic_tokens,
    is_cjk,
)

_LETTERS = re.compile("[a-z]+")
_SPECIAL = re.compile(r"\[.+\]")  # [UNK], [unused7]
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Sentence:
    """A text cut into words (lower-cased where the vocabulary is), with the WordPiece ids of each.

    `candidates`: what may stand in for a word, by its place; words that stay as they are have none.
    """

    words: list[str]
    pieces: list[list[int]]
    candidates: dict[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """`[CLS] masked sentence [SEP] sentence [SEP]`: [MASK] is at `position`, segment 1 begins at `second`."""

    ids: list[int]
    second: int
    position: int


class Guesser(Protocol):
    """A masked language model, e.g. tinybert.augmentation.masked_words.MaskedWords."""

    def guess(self, prompts: Sequence[Prompt], report: Callable[[int], None]) -> list[list[int]]:
        """The ids of the likeliest tokens for each prompt, best first; `report` hears how many are done."""


class Neighbours(Protocol):
    """Word vectors, e.g. tinybert.augmentation.word_vectors.WordVectors."""

    def nearest(self, word: str, count: int) -> Sequence[str]:
        """The words most like `word`, the most like first; none if it is not known."""


@dataclass
class WordCounts:
    """What is counted on the way, over distinct sentences: words by how their replacements are found."""

    masked_words: int = 0
    words_by_vectors: int = 0
    words_without_replacement: int = 0


class Replacements:
    """Finds what may stand in for words. `best`: how many for each (K); `longest`: tokens the model takes."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        lower_case: bool,
        stop_words: frozenset[str],
        model: Guesser,
        vectors: Neighbours | None,
        best: int,
        longest: int,
    ) -> None:
        self._ids = vocabulary.ids
        self._names = _proper_words(vocabulary)
        self._tokenizer = Tokenizer(vocabulary, lower_case)
        self._lower_case = lower_case
        self._stop_words = stop_words
        self._model = model
        self._vectors = vectors
        self._best = best
        self._longest = longest

    def of(self, texts: Iterable[str], report: Report) -> tuple[dict[str, Sentence], WordCounts]:
        """Each distinct text with its candidates; `report` hears how many masked words of all are done."""
        sentences = {text: self._cut(text) for text in dict.fromkeys(texts)}
        counts = WordCounts()
        masked: list[tuple[Sentence, int]] = []
        prompts: list[Prompt] = []
        for sentence in sentences.values():
            for place in self._replaceable(sentence):
                prompt = self._prompt(sentence, place)
                if prompt is not None:
                    masked.append((sentence, place))
                    prompts.append(prompt)
                elif neighbours := self._neighbours(sentence, place):
                    sentence.candidates[place] = neighbours
                    counts.words_by_vectors += 1
                else:
                    counts.words_without_replacement += 1
        counts.masked_words = len(prompts)
        guesses = self._model.guess(prompts, lambda done: report(done, len(prompts)))
        for (sentence, place), ids in zip(masked, guesses):
            names = [name for name in map(self._names.__getitem__, ids) if name is not None]
            sentence.candidates[place] = names or [sentence.words[place]]
        return sentences, counts

    def _cut(self, text: str) -> Sentence:
        words = list(basic_tokens(text, self._lower_case))
        return Sentence(words, [self._tokenizer.tokenize(word) for word in words])

    def _replaceable(self, sentence: Sentence) -> Iterator[int]:
        for place, word in enumerate(sentence.words):
            is_word = _LETTERS.fullmatch(word.lower()) or (len(word) == 1 and is_cjk(word))
            if is_word and word.lower() not in self._stop_words:
                yield place

    def _prompt(self, sentence: Sentence, place: int) -> Prompt | None:
        """None for a word of several pieces, and for one that lies behind what the model takes."""
        before = [piece for word in sentence.pieces[:place] for piece in word]
        position = 1 + len(before)
        if len(sentence.pieces[place]) != 1 or position >= self._longest:
            return None
        whole = [piece for word in sentence.pieces for piece in word]
        masked = [*before, self._ids[MASK], *whole[len(before) + 1 :]]
        ids = [self._ids[CLS], *masked, self._ids[SEP], *whole, self._ids[SEP]]
        return Prompt(ids[: self._longest], min(2 + len(masked), self._longest), position)

    def _neighbours(self, sentence: Sentence, place: int) -> Sequence[str]:
        if self._vectors is None or len(sentence.pieces[place]) < 2:
            return ()
        return self._vectors.nearest(sentence.words[place], self._best)


def variants(
    text: str, sentence: Sentence, count: int, probability: float, draw: random.Random
) -> Iterator[str]:
    """At most `count` (N_a) texts, all different; each word was replaced with `probability` (p_t).

    One that only differs from `text` in spaces and case is no variant: for the model it is the same.
    """
    seen = {text, " ".join(sentence.words)}
    for _ in range(count):
        words = list(sentence.words)
        for place, candidates in sorted(sentence.candidates.items()):
            chosen = draw.choice(candidates)
            if draw.random() < probability:
                words[place] = chosen
        variant = " ".join(words)
        if variant not in seen:
            seen.add(variant)
            yield variant


def _proper_words(vocabulary: Vocabulary) -> list[str | None]:
    """The token of each id; None for parts of words, for special tokens and for none."""
    names: list[str | None] = [None] * vocabulary.size
    for token, number in vocabulary.ids.items():
        if token.split() == [token] and not token.startswith(CONTINUATION) and not _SPECIAL.fullmatch(token):
            names[number] = token
    return names
