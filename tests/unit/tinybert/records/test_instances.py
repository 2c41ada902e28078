from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np
import pytest
from tinybert.records.instances import InstanceOptions, make_instances
from tinybert.text.flat_corpus import FlatCorpus
from tinybert.text.tokenization import SPECIAL_TOKENS, Vocabulary

pytestmark = pytest.mark.usefixtures("kernels")

PAD, UNK, CLS, SEP, MASK = range(5)
WORD, OTHER, PIECE = 5, 6, 7
VOCABULARY = Vocabulary(
    ids={token: index for index, token in enumerate([*SPECIAL_TOKENS, "a", "b", "##c"])}, size=8
)


@dataclass(frozen=True)
class Made:
    """An instance as a list of tokens."""

    token_ids: list[int]
    first_length: int
    is_random_next: bool
    masked_positions: list[int]
    masked_ids: list[int]


def flat(documents):
    segments = [segment for document in documents for segment in document]
    ends = [0, *itertools.accumulate(map(len, segments))]
    return FlatCorpus(
        np.array([token for segment in segments for token in segment], np.int32),
        np.array(ends, np.int64),
        np.array([0, *itertools.accumulate(map(len, documents))], np.int64),
    )


def make(documents, vocabulary=VOCABULARY, seed=1, **changes):
    options = {
        "max_seq_length": 16,
        "max_predictions_per_seq": 5,
        "masked_lm_prob": 0.15,
        "short_seq_prob": 0.1,
        "dupe_factor": 1,
        "whole_word_mask": False,
    }
    corpus = flat(documents)
    made, order = make_instances(corpus, vocabulary, InstanceOptions(**{**options, **changes}), seed)
    assert sorted(order) == list(range(len(made.starts)))
    return [read(corpus.tokens.tolist(), made, row) for row in range(len(made.starts))]


def read(tokens, made, row):
    first, second, is_random, masked = made.numbers[row].tolist()
    start, second_start = made.starts[row].tolist()
    read = [CLS, *tokens[start : start + first], SEP, *tokens[second_start : second_start + second], SEP]
    positions = made.positions[row, :masked].tolist()
    labels = [read[position] for position in positions]
    for position, token in zip(positions, made.replacements[row, :masked].tolist(), strict=True):
        read[position] = token
    return Made(read, first + 2, bool(is_random), positions, labels)


def original(instance):
    tokens = list(instance.token_ids)
    for index, position in enumerate(instance.masked_positions):
        tokens[position] = instance.masked_ids[index]
    return tokens


def documents_of(count, sentences, length, token=WORD):
    return [[[token] * length for _ in range(sentences)] for _ in range(count)]


def test_an_instance_is_cls_a_sep_b_sep():
    for instance in make(documents_of(4, 6, 5), dupe_factor=5):
        tokens = original(instance)
        assert tokens[0] == CLS
        assert tokens[-1] == tokens[instance.first_length - 1] == SEP
        assert tokens.count(SEP) == 2
        assert 5 <= len(tokens) <= 16
        positions = instance.masked_positions
        assert positions == sorted(set(positions))
        assert all(tokens[position] == WORD for position in positions)


def test_same_seed_same_instances_other_seed_others():
    documents = documents_of(4, 6, 5)
    assert make(documents, dupe_factor=3) == make(documents, dupe_factor=3)
    assert make(documents, dupe_factor=3) != make(documents, dupe_factor=3, seed=2)


def test_one_document_is_paired_with_itself():
    instances = make(documents_of(1, 1, 4), dupe_factor=20)
    assert len(instances) == 20
    assert all(instance.is_random_next for instance in instances)


def test_single_segment_tosses_no_coin():
    """The draws after a one-segment chunk are those of the document choice, as if the coin did not exist."""
    rng = random.Random(3)
    rng.shuffle([0])
    rng.random()  # short sequence?
    for _ in range(10):
        rng.randint(0, 0)  # tries for another document
    rng.randint(0, 0)  # where in it
    groups = [1, 2, 3, 5, 6, 7]
    rng.shuffle(groups)
    (instance,) = make([[[WORD, OTHER, UNK]]], seed=3, short_seq_prob=0.0, masked_lm_prob=0.2)
    assert list(instance.masked_positions) == sorted(groups[:2])


def test_both_segments_of_a_pair_of_two_are_used_once():
    """randint(1, 1) draws: left out, everything after it would shift."""
    rng = random.Random(5)
    rng.shuffle([0])
    rng.random()
    assert rng.randint(1, 1) == 1
    is_random_next = rng.random() < 0.5
    instance = make([[[WORD, WORD], [OTHER, OTHER]]], seed=5, short_seq_prob=0.0)[0]
    assert instance.is_random_next is is_random_next


@pytest.mark.parametrize(
    ("length", "probability", "expected"),
    [(9, 0.5, 4), (11, 0.5, 6), (10, 0.25, 2), (10, 0.001, 1), (10, 0.0, 0), (12, 1.0, 8)],
)
def test_number_to_predict_rounds_half_to_even(length, probability, expected):
    instances = make(
        documents_of(1, 1, length // 2 - 1) if length % 2 == 0 else documents_of(1, 1, length - 3),
        max_seq_length=length,
        short_seq_prob=0.0,
        masked_lm_prob=probability,
        max_predictions_per_seq=8,
    )
    assert {len(instance.token_ids) for instance in instances} == {length}
    assert {len(instance.masked_ids) for instance in instances} == {expected}


def test_about_eight_in_ten_become_mask_and_one_in_ten_stays():
    instances = make(documents_of(20, 20, 12), masked_lm_prob=1.0, max_predictions_per_seq=16, dupe_factor=20)
    tokens = [instance.token_ids[at] for instance in instances for at in instance.masked_positions]
    assert len(tokens) > 20_000
    assert tokens.count(MASK) / len(tokens) == pytest.approx(0.8 + 0.1 / 8, abs=0.01)
    assert tokens.count(WORD) / len(tokens) == pytest.approx(0.1 + 0.1 / 8, abs=0.01)


def test_random_word_comes_from_the_distinct_tokens():
    """A line that stands twice counts once, and gives the id of its last place."""
    doubled = Vocabulary(ids={**VOCABULARY.ids, "a": 9}, size=10)
    instances = make(
        documents_of(4, 20, 12, token=OTHER),
        doubled,
        masked_lm_prob=1.0,
        max_predictions_per_seq=16,
        dupe_factor=9,
    )
    seen = {token for instance in instances for token in instance.token_ids}
    assert 9 in seen
    assert WORD not in seen


def test_whole_words_are_masked_together():
    document = [[WORD, PIECE, PIECE, OTHER] * 3]
    for instance in make([document] * 3, whole_word_mask=True, max_seq_length=64, dupe_factor=20):
        tokens, masked = original(instance), set(instance.masked_positions)
        for position in masked:
            step = 1
            while tokens[position + step] == PIECE:
                assert position + step in masked
                step += 1


def test_second_half_that_begins_within_a_word_joins_the_last_word_of_the_first():
    instances = make([[[WORD]], [[PIECE]]], whole_word_mask=True, dupe_factor=50, masked_lm_prob=0.4)
    across = [i for i in instances if original(i) == [CLS, WORD, SEP, PIECE, SEP]]
    assert across
    assert {tuple(instance.masked_positions) for instance in across} == {(1, 3)}


def test_word_longer_than_what_may_be_masked_is_left_alone():
    instances = make([[[WORD, PIECE, PIECE, PIECE]]] * 2, whole_word_mask=True, max_predictions_per_seq=3)
    assert all(len(instance.masked_ids) == 0 for instance in instances)


def test_ids_and_lengths_beyond_small_integers():
    vocabulary = Vocabulary(ids={**VOCABULARY.ids, "z": 70_000}, size=70_001)
    instance = make([[[70_000] * 600]] * 2, vocabulary, max_seq_length=512, short_seq_prob=0.0)[0]
    assert len(instance.token_ids) == 512
    assert set(original(instance)) == {CLS, SEP, 70_000}
