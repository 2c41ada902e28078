from __future__ import annotations

from itertools import pairwise

import pytest
from tinybert.text.byte_table import BYTES, KEYS, enter_all, new_table

pytestmark = pytest.mark.usefixtures("kernels")


def content_of(table):
    starts, count = table.starts.tolist(), int(table.counts[KEYS])
    return [table.content[start:end].tobytes() for start, end in pairwise(starts[: count + 1])]


def test_keys_are_numbered_as_they_come_each_once():
    table = new_table(10, 100)
    enter_all(table, [b"a", b"bc", b"", b"a", b"cb", b"bc"])
    assert content_of(table) == [b"a", b"bc", b"", b"cb"]
    assert table.counts[BYTES] == 5


def test_many_keys_are_found_again():
    table, keys = new_table(5000, 50_000), [str(number).encode() for number in range(5000)]
    enter_all(table, keys)
    enter_all(table, keys)
    assert content_of(table) == keys


def test_keys_of_two_kinds_are_not_taken_for_one_another():
    table = new_table(4, 10)
    for empty_hash in (1, 2, 1):
        enter_all(table, [b"a", b"b"], empty_hash)
    assert content_of(table) == [b"a", b"b", b"a", b"b"]


@pytest.mark.parametrize(("keys", "size"), [(2, 100), (10, 3)])
def test_a_full_table_takes_no_more(keys, size):
    table = new_table(keys, size)
    enter_all(table, [b"ab", b"c", b"de", b"ab"])
    assert content_of(table) == [b"ab", b"c"]
