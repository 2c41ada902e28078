from __future__ import annotations

import argparse

import pytest
from tinybert.stages.options import positive_int, probability, sequence_length, vocabulary_size


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (positive_int, "1", 1),
        (sequence_length, "5", 5),
        (vocabulary_size, "100", 100),
        (probability, "0", 0.0),
        (probability, "1", 1.0),
        (probability, "1e-1", 0.1),
    ],
)
def test_accepted(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (positive_int, "0"),
        (positive_int, "1.0"),
        (positive_int, ""),
        (sequence_length, "4"),
        (vocabulary_size, "99"),
        (probability, "-0.1"),
        (probability, "1.01"),
        (probability, "nan"),
        (probability, "half"),
    ],
)
def test_refused(kind, text):
    with pytest.raises(argparse.ArgumentTypeError):
        kind(text)
