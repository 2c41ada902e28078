from __future__ import annotations

import io

import numpy as np
import pytest
from tinybert.records.encoding import RecordWriter
from tinybert.records.instances import InstanceOptions, Instances
from tinybert.records.tfrecord import encode_example, write_record
from tinybert.text.flat_corpus import FlatCorpus
from tinybert.text.tokenization import SPECIAL_TOKENS, Vocabulary

pytestmark = pytest.mark.usefixtures("kernels")

VOCABULARY = Vocabulary({token: index for index, token in enumerate(SPECIAL_TOKENS)}, 5)
CLS, SEP = VOCABULARY.ids["[CLS]"], VOCABULARY.ids["[SEP]"]


def written(tokens, first, second, masked, length, predictions):
    """The bytes of one instance: A is the first tokens, B those that follow; `masked` is [(position, id)]."""
    corpus = FlatCorpus(np.array(tokens, np.int32), np.array([0, len(tokens)]), np.array([0, 1]))
    rows = np.zeros((2, 1, predictions), np.int32)
    for at, (position, replacement) in enumerate(masked):
        rows[:, 0, at] = position, replacement
    numbers = np.array([[first, second, 1, len(masked)]], np.int32)
    instances = Instances(np.array([[0, first]], np.int64), numbers, *rows)
    how = InstanceOptions(length, predictions, 0.15, 0.1, 1, False)
    file = io.BytesIO()
    RecordWriter(corpus, instances, VOCABULARY, how).write(file, np.arange(1))
    return file.getvalue()


def expected(tokens, first, second, masked, length, predictions):
    ids = [CLS, *tokens[:first], SEP, *tokens[first:], SEP]
    labels = [ids[position] for position, _ in masked]
    for position, replacement in masked:
        ids[position] = replacement

    def padded(values, size):
        return list(values) + [0] * (size - len(values))

    features = {
        "input_ids": padded(ids, length),
        "input_mask": padded([1] * len(ids), length),
        "segment_ids": padded([0] * (first + 2) + [1] * (second + 1), length),
        "masked_lm_positions": padded([position for position, _ in masked], predictions),
        "masked_lm_ids": padded(labels, predictions),
        "masked_lm_weights": padded([1.0] * len(masked), predictions),
        "next_sentence_labels": [1],
    }
    features["masked_lm_weights"] = [float(weight) for weight in features["masked_lm_weights"]]
    file = io.BytesIO()
    write_record(file, encode_example(features))
    return file.getvalue()


def test_ids_of_every_length_of_varint():
    ids = [1, *(step for bits in (7, 14, 21, 28) for step in ((1 << bits) - 1, 1 << bits)), 2**31 - 1]
    case = (ids, 4, 6, [(1, 2**31 - 1), (6, 1 << 21), (8, 5)], 16, 4)
    assert written(*case) == expected(*case)


@pytest.mark.parametrize("length", [13, 127, 128, 129, 600, 17_000])
def test_lengths_at_which_a_length_takes_a_byte_more(length):
    first = (length - 3) // 2
    tokens = [at % 300 for at in range(length - 3)]
    case = (tokens, first, length - 3 - first, [(1, 7), (length - 2, 9)], length, 3)
    assert written(*case) == expected(*case)


def test_nothing_masked_and_much_padding():
    case = ([9, 8], 1, 1, [], 50, 7)
    assert written(*case) == expected(*case)
