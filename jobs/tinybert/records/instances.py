"""Masked LM and next-sentence instances, draw for draw as google-research/bert create_pretraining_data.py.

What is done: Devlin et al. 2018 (arXiv:1810.04805), section 3.1, appendix A.2; in which order: that script.
One generator serves everything; a draw more, less or elsewhere changes all that follow. An instance is two
ranges of the corpus and what is masked in them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tinybert.records.twister import below, shuffle, twister_of, uniform
from tinybert.stages.stage import Progress
from tinybert.text.compiled import compiled, compiled_part
from tinybert.text.flat_corpus import FlatCorpus
from tinybert.text.tokenization import CONTINUATION, MASK, Vocabulary

_RANDOM_DOCUMENT_TRIES = 10
_AT_ONCE = 1 << 15  # instances made between two looks at the clock
FIRST_LENGTH, SECOND_LENGTH, RANDOM_NEXT, MASKED = range(4)
"""Columns of `Instances.numbers`."""


@dataclass(frozen=True)
class InstanceOptions:
    """How instances are made; the names are those of Google's flags. Lengths are in tokens."""

    max_seq_length: int
    max_predictions_per_seq: int
    masked_lm_prob: float
    short_seq_prob: float
    dupe_factor: int
    whole_word_mask: bool


class Instances(NamedTuple):
    """[CLS] A [SEP] B [SEP], a row each, with the sorted positions of masked tokens and what stands there.

    A is the `numbers[FIRST_LENGTH]` tokens of the corpus from `starts[0]` on, B those from `starts[1]` on.
    """

    starts: np.ndarray
    numbers: np.ndarray
    positions: np.ndarray
    replacements: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


class _Rules(NamedTuple):
    """What the compiled functions need to know of the options and the vocabulary."""

    longest: int  # tokens of A and B together
    short_seq_prob: float
    wanted: np.ndarray  # how many tokens to predict, by length
    whole_words: bool
    continues: np.ndarray  # whether a token continues a word, by id
    ids: np.ndarray  # of the distinct tokens, in the order of their first lines
    mask: int


class _Scratch(NamedTuple):
    """What `_mask` works with."""

    groups: np.ndarray
    ends: np.ndarray  # of groups; where a token is a group, it stays 0, 1, 2, ...
    chosen: np.ndarray  # position and replacement


def make_instances(
    corpus: FlatCorpus, vocabulary: Vocabulary, options: InstanceOptions, seed: int
) -> tuple[Instances, np.ndarray]:
    """All instances, `dupe_factor` times over the shuffled documents, and the order to write them in."""
    twister = twister_of(random.Random(seed))
    documents = len(corpus.documents) - 1
    order = np.arange(documents)
    shuffle(twister, order, documents)
    made, count = _empty(options), 0
    progress, rules, scratch = Progress(), _rules(vocabulary, options), _scratch(options)
    most = int(np.diff(corpus.documents).max())  # instances of a document: each takes a segment at least
    for done in range(options.dupe_factor):
        at = 0
        while at < documents:
            _resize(made, count + _AT_ONCE + most)
            at, count = _make(twister, corpus, order, at, rules, made, count, count + _AT_ONCE, scratch)
            total = documents * options.dupe_factor
            progress.report(
                "went through {} of {} documents: {} instances", done * documents + at, total, count
            )
    _resize(made, count)
    dealt = np.arange(count)
    shuffle(twister, dealt, count)
    return made, dealt


def _empty(options: InstanceOptions) -> Instances:
    masks = options.max_predictions_per_seq
    return Instances(
        np.empty((0, 2), np.int64),
        np.empty((0, 4), np.int32),
        np.empty((0, masks), np.int32),
        np.empty((0, masks), np.int32),
    )


def _resize(instances: Instances, count: int) -> None:
    """Make room in place: large arrays are remapped, not copied."""
    for column in instances:
        if len(column) != count:
            column.resize((count, column.shape[1]), refcheck=False)


def _rules(vocabulary: Vocabulary, options: InstanceOptions) -> _Rules:
    continues = np.zeros(vocabulary.size, np.bool_)
    continues[[index for token, index in vocabulary.ids.items() if token.startswith(CONTINUATION)]] = True
    return _Rules(
        options.max_seq_length - 3,
        options.short_seq_prob,
        np.array([_number_to_predict(length, options) for length in range(options.max_seq_length + 1)]),
        options.whole_word_mask,
        continues,
        np.array(list(vocabulary.ids.values()), np.int64),
        vocabulary.ids[MASK],
    )


def _scratch(options: InstanceOptions) -> _Scratch:
    length = options.max_seq_length
    return _Scratch(
        np.empty(length, np.int32), np.arange(length, dtype=np.int32), np.empty((length, 2), np.int32)
    )


def _number_to_predict(length: int, options: InstanceOptions) -> int:
    """At least one, but none with masked_lm_prob 0 (there Google's script still masks one)."""
    if options.masked_lm_prob == 0:
        return 0
    # round() to even, as in the Python 3 that Google's script runs on
    return min(options.max_predictions_per_seq, max(1, round(length * options.masked_lm_prob)))


@compiled
def _make(twister, corpus, order, at, rules, made, count, enough, scratch):
    """Instances of documents order[at:], until there are `enough`: where it stopped, how many there are."""
    while at < len(order) and count < enough:
        count = _make_of_document(twister, corpus, order, at, rules, made, count, scratch)
        at += 1
    return at, count


@compiled_part
def _make_of_document(twister, corpus, order, at, rules, made, count, scratch):
    segments = corpus.segments
    begin = end = corpus.documents[order[at]]
    last = corpus.documents[order[at] + 1]
    target = rules.longest
    if uniform(twister) < rules.short_seq_prob:
        target = 2 + below(twister, rules.longest - 1)
    while end < last:
        end += 1
        if end < last and segments[end] - segments[begin] < target:
            continue
        middle = begin + 1
        if end - begin > 1:
            middle += below(twister, end - begin - 1)
        # A single segment tosses no coin.
        random_next = end - begin == 1 or uniform(twister) < 0.5
        if random_next:
            wanted = target - (segments[middle] - segments[begin])
            second, second_end = _random_second(twister, corpus, order, at, wanted)
            end = middle  # what A did not use comes again
        else:
            second, second_end = segments[middle], segments[end]
        first, first_end = segments[begin], segments[middle]
        first, first_end, second, second_end = _truncated(
            twister, first, first_end, second, second_end, rules.longest
        )
        made.starts[count, 0], made.starts[count, 1] = first, second
        made.numbers[count, 0], made.numbers[count, 1] = first_end - first, second_end - second
        made.numbers[count, 2] = random_next
        _mask(twister, corpus.tokens, rules, made, count, scratch)
        count += 1
        begin = end
    return count


@compiled_part
def _random_second(twister, corpus, order, at, wanted):
    """Segments from a random place of another document; of the same one if ten draws find no other."""
    other = at
    for _ in range(_RANDOM_DOCUMENT_TRIES):
        other = below(twister, len(order))
        if other != at:
            break
    start, last = corpus.documents[order[other]], corpus.documents[order[other] + 1]
    start += below(twister, last - start)
    end = start + 1
    while end < last and corpus.segments[end] - corpus.segments[start] < wanted:
        end += 1
    return corpus.segments[start], corpus.segments[end]


@compiled_part
def _truncated(twister, first, first_end, second, second_end, longest):
    """Shorten the longer of the two, at a random end, until both fit."""
    while first_end - first + second_end - second > longest:
        front = np.int64(uniform(twister) < 0.5)
        if first_end - first > second_end - second:
            first, first_end = first + front, first_end - 1 + front
        else:
            second, second_end = second + front, second_end - 1 + front
    return first, first_end, second, second_end


@compiled_part
def _mask(twister, tokens, rules, made, row, scratch):
    """Choose what is masked, and by what."""
    groups, ends, chosen = scratch.groups, scratch.ends, scratch.chosen
    first, size = made.numbers[row, 0], made.numbers[row, 0] + made.numbers[row, 1]
    start, second_start = made.starts[row, 0], made.starts[row, 1] - first
    wanted = rules.wanted[size + 3]
    groups_count = _groups(tokens, rules, first, size, start, second_start, scratch)
    shuffle(twister, groups, groups_count)
    count = at = 0
    while count < wanted and at < groups_count:
        group = groups[at]
        at += 1
        if count + ends[group + 1] - ends[group] > wanted:
            continue
        for index in range(ends[group], ends[group + 1]):
            token = tokens[index + (start if index < first else second_start)]
            position = index + (1 if index < first else 2)
            _insert(chosen, count, position, _replacement(twister, token, rules))
            count += 1
    for at in range(count):
        made.positions[row, at], made.replacements[row, at] = chosen[at, 0], chosen[at, 1]
    made.numbers[row, 3] = count


@compiled_part
def _groups(tokens, rules, first, size, start, second_start, scratch):
    """What is masked as one: a token, or a word; group i is the tokens ends[i] to ends[i + 1] of A and B.

    As in Google's script a B that begins within a word joins the last word of A, across the [SEP].
    """
    groups, ends = scratch.groups, scratch.ends
    count = size
    if rules.whole_words:
        count = 0
        for index in range(size):
            token = tokens[index + (start if index < first else second_start)]
            if index == 0 or not rules.continues[token]:
                ends[count] = index
                count += 1
        ends[count] = size
    for index in range(count):
        groups[index] = index
    return count


@compiled_part
def _insert(chosen, count, position, replacement):
    """Keep what is chosen sorted by position."""
    at = count
    while at > 0 and chosen[at - 1, 0] > position:
        chosen[at, 0], chosen[at, 1] = chosen[at - 1, 0], chosen[at - 1, 1]
        at -= 1
    chosen[at, 0], chosen[at, 1] = position, replacement


@compiled_part
def _replacement(twister, token, rules):
    """80 % [MASK], 10 % the token itself, 10 % a random entry of the vocabulary."""
    if uniform(twister) < 0.8:
        return np.int64(rules.mask)
    if uniform(twister) < 0.5:
        return np.int64(token)
    return rules.ids[below(twister, len(rules.ids))]
