"""What should be equal on all hosts, and who differs."""

from __future__ import annotations

from launcher.equal import by_value, minority


def test_whoever_does_not_tell_is_none_of_them():
    values = {"a": "2", "b": "1", "c": "", "d": "2"}
    assert by_value(values) == {"2": ["a", "d"], "1": ["b"]}
    assert list(minority(values)) == [("b", ["a", "d"])]


def test_of_two_that_are_as_frequent_the_first_is_right():
    assert list(minority({"a": "1", "b": "2", "c": "3", "d": "2"})) == [("a", ["b", "d"]), ("c", ["b", "d"])]
    assert list(minority({"a": "1", "b": "2"})) == [("b", ["a"])]


def test_equal_values_differ_nowhere():
    assert list(minority({"a": "1", "b": "1"})) == list(minority({})) == list(minority({"a": ""})) == []
