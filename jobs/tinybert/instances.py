"""Masked LM and next-sentence instances, draw for draw as google-research/bert create_pretraining_data.py.

What is done: Devlin et al. 2018 (arXiv:1810.04805), section 3.1, appendix A.2; in which order: that script.
One `random.Random` serves everything; a draw more, less or elsewhere changes all that follow.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from tinybert.tokenization import CLS, CONTINUATION, MASK, SEP, Vocabulary

Document = list[list[int]]  # segments (sentences) of token ids
_RANDOM_DOCUMENT_TRIES = 10


@dataclass(frozen=True)
class InstanceOptions:
    """How instances are made; the names are those of Google's flags. Lengths are in tokens."""

    max_seq_length: int
    max_predictions_per_seq: int
    masked_lm_prob: float
    short_seq_prob: float
    dupe_factor: int
    whole_word_mask: bool


@dataclass(frozen=True)
class Instance:
    """[CLS] A [SEP] B [SEP], masked and not padded. `first_length` counts [CLS], A and its [SEP]."""

    token_ids: array
    first_length: int
    is_random_next: bool
    masked_positions: array
    masked_ids: array


class InstanceMaker:
    """Makes instances from documents of token ids; drops empty ones and shuffles the rest first."""

    def __init__(
        self, documents: list[Document], vocabulary: Vocabulary, options: InstanceOptions, seed: int
    ) -> None:
        self.options = options
        self.rng = random.Random(seed)
        self.documents = [document for document in documents if document]
        self.rng.shuffle(self.documents)
        self._vocabulary_ids = list(vocabulary.ids.values())
        self._continuations = frozenset(
            index for token, index in vocabulary.ids.items() if token.startswith(CONTINUATION)
        )
        self._cls, self._sep, self._mask = (vocabulary.ids[token] for token in (CLS, SEP, MASK))

    def instances(self) -> Iterator[list[Instance]]:
        """Yield the instances of one document after the other, `dupe_factor` times over all of them."""
        for _ in range(self.options.dupe_factor):
            for index in range(len(self.documents)):
                yield list(self._instances_of_document(index))

    def _instances_of_document(self, index: int) -> Iterator[Instance]:
        document = self.documents[index]
        target_length = self._target_length()
        chunk: list[list[int]] = []
        chunk_length = position = 0
        while position < len(document):
            chunk.append(document[position])
            chunk_length += len(document[position])
            position += 1
            if position == len(document) or chunk_length >= target_length:
                instance, unused = self._instance_of_chunk(chunk, index, target_length)
                yield instance
                position -= unused
                chunk, chunk_length = [], 0

    def _target_length(self) -> int:
        longest = self.options.max_seq_length - 3
        if self.rng.random() < self.options.short_seq_prob:
            return self.rng.randint(2, longest)
        return longest

    def _instance_of_chunk(
        self, chunk: list[list[int]], index: int, target_length: int
    ) -> tuple[Instance, int]:
        """An instance from consecutive segments, and how many of them at the end it left unused."""
        first_end = self.rng.randint(1, len(chunk) - 1) if len(chunk) > 1 else 1
        first = list(chain.from_iterable(chunk[:first_end]))
        is_random_next = len(chunk) == 1 or self.rng.random() < 0.5  # a single segment tosses no coin
        if is_random_next:
            second = self._random_second(index, target_length - len(first))
        else:
            second = list(chain.from_iterable(chunk[first_end:]))
        self._truncate_pair(first, second)
        instance = self._masked_instance(first, second, is_random_next)
        return instance, len(chunk) - first_end if is_random_next else 0

    def _random_second(self, index: int, target_length: int) -> list[int]:
        """Segments from a random place of another document; of the same one if ten draws find no other."""
        for _ in range(_RANDOM_DOCUMENT_TRIES):
            other = self.rng.randint(0, len(self.documents) - 1)
            if other != index:
                break
        document = self.documents[other]
        second: list[int] = []
        for segment in document[self.rng.randint(0, len(document) - 1) :]:
            second += segment
            if len(second) >= target_length:
                break
        return second

    def _truncate_pair(self, first: list[int], second: list[int]) -> None:
        """Shorten the longer of the two, at a random end, until both fit with [CLS] and two [SEP]."""
        while len(first) + len(second) > self.options.max_seq_length - 3:
            longer = first if len(first) > len(second) else second
            del longer[0 if self.rng.random() < 0.5 else -1]

    def _masked_instance(self, first: list[int], second: list[int], is_random_next: bool) -> Instance:
        tokens = [self._cls, *first, self._sep, *second, self._sep]
        positions = self._choose_positions(tokens, separator=len(first) + 1)
        masked = list(tokens)
        for position in positions:
            masked[position] = self._replacement(tokens[position])
        positions.sort()
        return Instance(
            token_ids=array("i", masked),
            first_length=len(first) + 2,
            is_random_next=is_random_next,
            masked_positions=array("i", positions),
            masked_ids=array("i", [tokens[position] for position in positions]),
        )

    def _choose_positions(self, tokens: list[int], separator: int) -> list[int]:
        """The positions to predict, in the order of their draws; never [CLS] or [SEP]."""
        groups = self._maskable_groups(tokens, separator)
        self.rng.shuffle(groups)
        wanted = self._number_to_predict(len(tokens))
        chosen: list[int] = []
        for group in groups:
            if len(chosen) >= wanted:
                break
            if len(chosen) + len(group) <= wanted:
                chosen += group
        return chosen

    def _maskable_groups(self, tokens: list[int], separator: int) -> list[list[int]]:
        """What is masked as one: a token, or with whole word mask a word.

        As in Google's script a B that begins within a word joins the last word of A, across the [SEP].
        """
        positions = chain(range(1, separator), range(separator + 1, len(tokens) - 1))
        if not self.options.whole_word_mask:
            return [[position] for position in positions]
        groups: list[list[int]] = []
        for position in positions:
            if groups and tokens[position] in self._continuations:
                groups[-1].append(position)
            else:
                groups.append([position])
        return groups

    def _number_to_predict(self, length: int) -> int:
        """At least one, but none with masked_lm_prob 0 (there Google's script still masks one)."""
        options = self.options
        if options.masked_lm_prob == 0:
            return 0
        # round() to even, as in the Python 3 that Google's script runs on
        return min(options.max_predictions_per_seq, max(1, round(length * options.masked_lm_prob)))

    def _replacement(self, token: int) -> int:
        """80 % [MASK], 10 % the token itself, 10 % a random entry of the vocabulary."""
        if self.rng.random() < 0.8:
            return self._mask
        if self.rng.random() < 0.5:
            return token
        return self._vocabulary_ids[self.rng.randint(0, len(self._vocabulary_ids) - 1)]


def features_of(instance: Instance, length: int, predictions: int) -> dict[str, list[int] | list[float]]:
    """The features of Google's records: int64[length] or [predictions], weights float; padded with 0."""
    size, masked = len(instance.token_ids), len(instance.masked_ids)
    return {
        "input_ids": _padded(instance.token_ids, length),
        "input_mask": [1] * size + [0] * (length - size),
        "segment_ids": [0] * instance.first_length
        + [1] * (size - instance.first_length)
        + [0] * (length - size),
        "masked_lm_positions": _padded(instance.masked_positions, predictions),
        "masked_lm_ids": _padded(instance.masked_ids, predictions),
        "masked_lm_weights": [1.0] * masked + [0.0] * (predictions - masked),
        "next_sentence_labels": [int(instance.is_random_next)],
    }


def _padded(values: array, length: int) -> list[int]:
    return values.tolist() + [0] * (length - len(values))
