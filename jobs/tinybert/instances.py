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

from tinybert.compiled import compiled
from tinybert.flat_corpus import FlatCorpus
from tinybert.stage import Progress
from tinybert.tokenization import CONTINUATION, MASK, Vocabulary
from tinybert.twister import below, shuffle, state_of, uniform

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


def make_instances(
    corpus: FlatCorpus, vocabulary: Vocabulary, options: InstanceOptions, seed: int
) -> tuple[Instances, np.ndarray]:
    """All instances, `dupe_factor` times over the shuffled documents, and the order to write them in."""
    state = state_of(random.Random(seed))
    documents = len(corpus.documents) - 1
    order = np.arange(documents)
    shuffle(state, order, documents)
    made, count = _empty(options), 0
    progress, rules = Progress(), _rules(vocabulary, options)
    most = int(np.diff(corpus.documents).max())  # instances of a document: each takes a segment at least
    for done in range(options.dupe_factor):
        at = 0
        while at < documents:
            _resize(made, count + _AT_ONCE + most)
            at, count = _make(state, corpus, order, at, rules, made, count, count + _AT_ONCE)
            total = documents * options.dupe_factor
            progress.report(
                "went through {} of {} documents: {} instances", done * documents + at, total, count
            )
    _resize(made, count)
    dealt = np.arange(count)
    shuffle(state, dealt, count)
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


def _number_to_predict(length: int, options: InstanceOptions) -> int:
    """At least one, but none with masked_lm_prob 0 (there Google's script still masks one)."""
    if options.masked_lm_prob == 0:
        return 0
    # round() to even, as in the Python 3 that Google's script runs on
    return min(options.max_predictions_per_seq, max(1, round(length * options.masked_lm_prob)))


@compiled
def _make(state, corpus, order, at, rules, made, count, enough):
    """Instances of documents order[at:], until there are `enough`: where it stopped, how many there are."""
    groups = np.empty(rules.longest, np.int32)
    ends = np.empty(rules.longest + 1, np.int32)
    while at < len(order) and count < enough:
        count = _make_of_document(state, corpus, order, at, rules, made, count, (groups, ends))
        at += 1
    return at, count


@compiled
def _make_of_document(state, corpus, order, at, rules, made, count, scratch):
    segments = corpus.segments
    begin = end = corpus.documents[order[at]]
    last = corpus.documents[order[at] + 1]
    target = rules.longest
    if uniform(state) < rules.short_seq_prob:
        target = 2 + below(state, rules.longest - 1)
    while end < last:
        end += 1
        if end < last and segments[end] - segments[begin] < target:
            continue
        middle = begin + 1
        if end - begin > 1:
            middle += below(state, end - begin - 1)
        # A single segment tosses no coin.
        random_next = end - begin == 1 or uniform(state) < 0.5
        if random_next:
            wanted = target - (segments[middle] - segments[begin])
            second, second_end = _random_second(state, corpus, order, at, wanted)
            end = middle  # what A did not use comes again
        else:
            second, second_end = segments[middle], segments[end]
        first, first_end = segments[begin], segments[middle]
        first, first_end, second, second_end = _truncated(
            state, first, first_end, second, second_end, rules.longest
        )
        made.starts[count, 0], made.starts[count, 1] = first, second
        made.numbers[count, 0], made.numbers[count, 1] = first_end - first, second_end - second
        made.numbers[count, 2] = random_next
        _mask(state, corpus.tokens, rules, made, count, scratch)
        count += 1
        begin = end
    return count


@compiled
def _random_second(state, corpus, order, at, wanted):
    """Segments from a random place of another document; of the same one if ten draws find no other."""
    other = at
    for _ in range(_RANDOM_DOCUMENT_TRIES):
        other = below(state, len(order))
        if other != at:
            break
    start, last = corpus.documents[order[other]], corpus.documents[order[other] + 1]
    start += below(state, last - start)
    end = start + 1
    while end < last and corpus.segments[end] - corpus.segments[start] < wanted:
        end += 1
    return corpus.segments[start], corpus.segments[end]


@compiled
def _truncated(state, first, first_end, second, second_end, longest):
    """Shorten the longer of the two, at a random end, until both fit."""
    while first_end - first + second_end - second > longest:
        front = uniform(state) < 0.5
        if first_end - first > second_end - second:
            first, first_end = (first + 1, first_end) if front else (first, first_end - 1)
        else:
            second, second_end = (second + 1, second_end) if front else (second, second_end - 1)
    return first, first_end, second, second_end


@compiled
def _mask(state, tokens, rules, made, row, scratch):
    """Choose what is masked, and by what."""
    groups, ends = scratch
    starts, numbers = made.starts[row], made.numbers[row]
    size = numbers[0] + numbers[1]
    count = _groups(tokens, rules, starts, numbers, groups, ends)
    wanted = rules.wanted[size + 3]
    shuffle(state, groups, count)
    chosen = 0
    for at in range(count):
        if chosen >= wanted:
            break
        group = groups[at]
        if chosen + ends[group + 1] - ends[group] > wanted:
            continue
        for index in range(ends[group], ends[group + 1]):
            first = index < numbers[0]
            token = tokens[starts[0] + index] if first else tokens[starts[1] + index - numbers[0]]
            _insert(made, row, chosen, index + 1 if first else index + 2, _replacement(state, token, rules))
            chosen += 1
    numbers[3] = chosen


@compiled
def _groups(tokens, rules, starts, numbers, groups, ends):
    """What is masked as one: a token, or a word; group i is the tokens ends[i] to ends[i + 1] of A and B.

    As in Google's script a B that begins within a word joins the last word of A, across the [SEP].
    """
    count = 0
    for index in range(numbers[0] + numbers[1]):
        if rules.whole_words and count:
            first = index < numbers[0]
            token = tokens[starts[0] + index] if first else tokens[starts[1] + index - numbers[0]]
            if rules.continues[token]:
                continue
        groups[count] = count
        ends[count] = index
        count += 1
    ends[count] = numbers[0] + numbers[1]
    return count


@compiled
def _insert(made, row, count, position, replacement):
    """Keep the masked positions sorted."""
    at = count
    while at > 0 and made.positions[row, at - 1] > position:
        made.positions[row, at] = made.positions[row, at - 1]
        made.replacements[row, at] = made.replacements[row, at - 1]
        at -= 1
    made.positions[row, at] = position
    made.replacements[row, at] = replacement


@compiled
def _replacement(state, token, rules):
    """80 % [MASK], 10 % the token itself, 10 % a random entry of the vocabulary."""
    if uniform(state) < 0.8:
        return np.int64(rules.mask)
    if uniform(state) < 0.5:
        return np.int64(token)
    return rules.ids[below(state, len(rules.ids))]
