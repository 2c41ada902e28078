import json
from collections.abc import Callable

import pytest

from launcher.rank_table import check
from launcher.rank_table.json_text import Number, parse_json


def locate(text: str, finding_offset: int) -> tuple[int, int]:
    before = text[:finding_offset]
    return before.count("\n") + 1, finding_offset - (before.rfind("\n") + 1) + 1


def test_values_know_their_offset() -> None:
    text = '{\n\t"a": ["x,]}", {"b\\"": null}],\r\n "c": 1.5e3}'

    document = parse_json(text, "t")

    assert document.data == {"a": ["x,]}", {'b"': None}], "c": "1.5e3"}
    places = {path: text[offset:] for path, offset in document.offsets.items()}
    assert places[("a",)].startswith('["x')
    assert places[("a", 0)].startswith('"x,]}"')
    assert places[("a", 1)].startswith("{")
    assert places[("a", 1, 'b"')].startswith("null")
    assert places[("c",)] == "1.5e3}"
    assert len(places) == 6
    assert document.problems == ()


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "NaN", "Infinity"])
def test_numbers_keep_their_text(text: str) -> None:
    data = parse_json(text, "t").data

    assert isinstance(data, Number)
    assert data == text


@pytest.mark.parametrize("literal", ["true", "null", '"3"'])
def test_other_scalars_are_no_numbers(literal: str) -> None:
    assert not isinstance(parse_json(literal, "t").data, Number)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ('{"a": "b"', 1, 10),
        ('{"a": "b"}\nx', 2, 1),
        ('{\n "a" "b"}', 2, 6),
        ('{"a": "b\n"}', 1, 9),
        ("\ufeff{}", 1, 1),
        ("[" * 100_000, 1, 1),
    ],
)
def test_a_syntax_error_has_its_place(text: str, line: int, column: int) -> None:
    (finding,) = check(text, chip=None, source="t.json")

    assert finding.rule == "json-syntax"
    assert (finding.line, finding.column) == (line, column)


@pytest.mark.parametrize("comment", ["// usable", "/* usable\n again */", "# usable"])
def test_a_comment_is_reported_and_the_rest_still_checked(comment: str, golden: Callable[[str], str]) -> None:
    text = golden("one_server").replace('"completed",', f'"initializing", {comment}\n')

    comment_finding, status_finding = sorted(
        check(text, chip=None, source="t.json"), key=lambda finding: finding.rule
    )

    assert comment_finding.rule == "json-comment"
    assert (comment_finding.line, comment_finding.column) == locate(text, text.index(comment))
    assert (status_finding.rule, status_finding.path) == ("status-completed", "status")
    assert (status_finding.line, status_finding.column) == locate(text, text.index('"initializing"'))


def test_comment_marks_inside_strings_are_no_comments() -> None:
    text = json.dumps({"url": "http://a#b /* c */", "quote": '\\"//'})

    assert parse_json(text, "t").problems == ()


def test_a_comment_and_a_syntax_error_are_both_reported() -> None:
    findings = check('{"a": "b", // c\n "d" }', chip=None, source="t.json")

    assert [(f.rule, f.line, f.column) for f in findings] == [("json-comment", 1, 12), ("json-syntax", 2, 6)]


def test_a_duplicate_key_is_reported_at_the_second_and_the_last_value_wins() -> None:
    text = '{"a": {"x": "1"},\n "a": {"x": "2"}, "b": [{"x": "3"}, {"x": "4", "x": "5"}]}'

    document = parse_json(text, "t")

    assert document.data == {"a": {"x": "2"}, "b": [{"x": "3"}, {"x": "5"}]}
    assert [(problem.rule, problem.path) for problem in document.problems] == [
        ("json-duplicate-key", ("a",)),
        ("json-duplicate-key", ("b", 1, "x")),
    ]
    assert [problem.offset for problem in document.problems] == [19, text.index('"x": "5"')]
