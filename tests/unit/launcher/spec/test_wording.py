"""Pieces of messages."""

from __future__ import annotations

import pytest

from launcher.spec.wording import in_units, no_host

SIZES = [
    (0, "0 B"),
    (-5, "0 B"),
    (999, "999 B"),
    (1500, "1.5 kB"),
    (103_400_000, "103 MB"),
    (24_432_000_000, "24.4 GB"),
    (10**13, "10000 GB"),
]


@pytest.mark.parametrize(("count", "text"), SIZES)
def test_sizes_have_three_digits_and_a_unit(count: int, text: str) -> None:
    assert in_units(count) == text


def test_a_host_that_is_none_is_told_with_those_that_are() -> None:
    error = no_host("h9", ["h1", "h2"])
    assert (str(error), error.hint) == ("no host h9 in the cluster file", "its hosts: h1, h2")
