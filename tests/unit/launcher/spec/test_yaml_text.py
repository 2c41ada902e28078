import re
from pathlib import Path

import pytest
import yaml

from launcher.spec import yaml_text
from launcher.spec.tree import Source, to_data
from launcher.spec.yaml_text import parse, read_file

SOURCE = Source("a.yaml", "/")


def problems_of(text: str) -> list[str]:
    problems = []
    parse(text, SOURCE, problems)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", 'a.yaml:3:1: "a" is given twice: first in line 1'),
        ("a: {x: 1, x: 2}", 'a.yaml:1:11: "x" is given twice: first in line 1'),
        ("a: 1\n'a': 3", 'a.yaml:2:1: "a" is given twice: first in line 1'),
        ("é: {ü: 1, x: 2, x: 3}", 'a.yaml:1:17: "x" is given twice: first in line 1'),
        ("a: &x 1", "a.yaml:1:4: anchors and aliases (&name, *name) are not supported"),
        ("a: *x", "a.yaml:1:4: anchors and aliases (&name, *name) are not supported"),
        ("*x : 1", "a.yaml:1:1: a key must be a word, not a list, a mapping or an alias"),
        ("&x a: 1", "a.yaml:1:1: anchors and aliases (&name, *name) are not supported"),
        ("<<: {a: 1}", "a.yaml:1:1: merge keys (<<) are not supported"),
        ("[a]: 1", "a.yaml:1:1: a key must be a word, not a list, a mapping or an alias"),
        (
            "a: !!python/object:os.system x",
            "a.yaml:1:4: YAML tags are not supported: tag:yaml.org,2002:python/object:os.system",
        ),
        ("a: !!str 1", "a.yaml:1:4: YAML tags are not supported: tag:yaml.org,2002:str"),
        ("a:\n\tb: 1", "a.yaml:2:1: a tab: YAML is indented with spaces"),
        ("a: b: c", "a.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        (
            "a: [1\nb: 2",
            "a.yaml:2:2: not YAML: did not find expected ',' or ']' while parsing a flow sequence "
            "that begins in line 1",
        ),
        (
            "a: {b: ${X}, c: 1}",
            "a.yaml:1:9: not YAML: did not find expected ',' or '}' while parsing a flow mapping "
            "that begins in line 1: put text with ${...} in quotes here",
        ),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a second document begins here: one is expected"),
        ("", "a.yaml: the file is empty"),
        ("# only a comment\n", "a.yaml: the file is empty"),
        ("a: 1\nb: \x01", "a.yaml:2:4: not YAML: control characters are not allowed (U+0001)"),
        ("[" * 60, "a.yaml:1:52: nested deeper than 50 levels"),
        ("[" * 900, "a.yaml:1:52: nested deeper than 50 levels"),
    ],
)
def test_every_fault_is_one_line_with_its_place(text: str, message: str) -> None:
    assert problems_of(text) == [message]


def test_nesting_without_end_is_one_fault() -> None:
    (problem,) = problems_of("[" * 300_000)  # libyaml has a limit of its own, from 0.2.6 on
    assert re.fullmatch(r"a\.yaml:1:\d+: .*nest.*", problem)


def test_faults_of_structure_are_all_reported() -> None:
    assert len(problems_of("a: 1\na: 2\nb: {c: 1, c: 2}\n")) == 2


@pytest.mark.parametrize("content", ["- a", "word", "12", "null"])
def test_the_top_level_is_a_mapping(tmp_path: Path, content: str) -> None:
    file, problems = tmp_path / "a.yaml", []
    file.write_text(content)
    assert read_file(str(file), problems) is None
    assert [str(problem) for problem in problems] == [
        f"{file}:1:1: expected a mapping (`key: value` lines) at the top level"
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.yaml", "{}: cannot be read: No such file or directory"),
        (".", "{}: cannot be read: Is a directory"),
        ("latin1.yaml", "{}:2:4: not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "latin1.yaml").write_bytes(b"a: 1\nb: \xe9")
    path, problems = str(tmp_path / name), []
    assert read_file(path, problems) is None
    assert [str(problem) for problem in problems] == [message.format(path)]


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert to_data(read_file(str(tmp_path / "a.yaml"), [])) == {"a": "1"}


def test_places_of_keys_and_values() -> None:
    tree = parse("a:\n  - b: é\n    c: x\n", SOURCE, [])
    node = tree.find(("a", 0, "c"))
    assert (node.key.line, node.key.column, node.place.line, node.place.column) == (3, 5, 3, 8)
    assert str(tree.problem(("a", 0, "absent"), "!")) == "a.yaml:2:5: !"
    assert str(tree.problem(("a",), "!")) == "a.yaml:1:1: !"
    assert tree.find(("a", 5)) is None
    assert tree.find(("a", 0, "b", "deeper")) is None


def test_without_libyaml_the_tree_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, 'x', {b: ~}]\nc: |\n  two\n  lines\n"
    fast = parse(text, SOURCE, [])
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.SafeLoader)
    assert parse(text, SOURCE, []) == fast
    assert problems_of("a:\n\tb: 1")[0].startswith("a.yaml:2:1: a tab")
    assert problems_of("a: \x01") == ["a.yaml:1:4: not YAML: special characters are not allowed (U+0001)"]
