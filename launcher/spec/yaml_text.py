"""YAML text to a tree with places.

Of YAML, files use mappings, lists and scalars. Anchors, aliases, merge keys and tags are refused: they make
the place of a value ambiguous, and `on_cpu`, settings of the whole cluster and host ranges do their work.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import yaml

from launcher.errors import Problem
from launcher.spec.plain import NULL, Plain
from launcher.spec.tree import Node, Place, Source
from launcher.spec.wording import quoted

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 50


def read_file(path: str, problems: list[Problem]) -> Node | None:
    """The mapping in a YAML file; None when there is none and `problems` says why."""
    source = Source(path, str(FilePath(path).absolute().parent))
    text = read_text(path, problems)
    if text is None:
        return None
    node = parse(text, source, problems)
    if node is not None and not isinstance(node.value, dict):
        problems.append(node.place.problem("expected a mapping (`key: value` lines) at the top level"))
        return None
    return node


def read_text(path: str, problems: list[Problem]) -> str | None:
    """The text of a UTF-8 file; None when it cannot be read and `problems` says why."""
    try:
        content = FilePath(path).read_bytes()
    except OSError as error:
        problems.append(Problem(f"cannot be read: {error.strerror}", path))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = content[: error.start].split(b"\n")
        problems.append(Problem("not UTF-8 text", path, len(lines), len(lines[-1]) + 1))
        return None


def parse(text: str, source: Source, problems: list[Problem]) -> Node | None:
    """The one document of a YAML text; None when it cannot be read and `problems` says why."""
    try:
        return _Reader(yaml.parse(text, _LOADER), source, problems).document()
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(error, text, source))
    except yaml.reader.ReaderError as error:
        problems.append(_character_problem(error, text, source))
    except _Refused as refused:
        problems.append(refused.problem)
    return None


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Reader:
    """Builds the tree from the events of the parser."""

    def __init__(self, events: Iterator[Any], source: Source, problems: list[Problem]) -> None:
        self._events = events
        self._source = source
        self._problems = problems

    def document(self) -> Node:
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _Refused(Problem("the file is empty", self._source.name))
        root = self._node(next(self._events))
        next(self._events)  # end of the document
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise _Refused(self._place(more).problem("a second document begins here: one is expected"))
        return root

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self._source, mark.line + 1, mark.column + 1)

    def _node(self, event: Any, key: Place | None = None, depth: int = 0) -> Node:
        place = self._place(event)
        if depth > _DEEPEST:
            raise _Refused(place.problem(f"nested deeper than {_DEEPEST} levels"))
        self._check_properties(event, place)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(depth), place, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(depth), place, key)
        return Node(_scalar(event), place, key)

    def _check_properties(self, event: Any, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(place.problem("anchors and aliases (&name, *name) are not supported"))
        if event.tag is not None:
            raise _Refused(place.problem(f"YAML tags are not supported: {event.tag}"))

    def _sequence(self, depth: int) -> list[Node]:
        entries = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            entries.append(self._node(event, None, depth + 1))
        return entries

    def _mapping(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = self._place(event)
            key = self._key(event, place)
            value = self._node(next(self._events), place, depth + 1)
            if (first := entries.get(key)) is None:
                entries[key] = value
            else:
                self._problems.append(
                    place.problem(f"{quoted(key)} is given twice: first in line {_line(first)}")
                )
        return entries

    def _key(self, event: Any, place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _Refused(place.problem("a key must be a word, not a list, a mapping or an alias"))
        self._check_properties(event, place)
        if event.value == "<<" and not event.style:
            raise _Refused(place.problem("merge keys (<<) are not supported"))
        return Plain(event.value) if not event.style else event.value


def _line(node: Node) -> int:
    return node.key.line if node.key else node.place.line


def _scalar(event: Any) -> str | None:
    if event.style:
        return str(event.value)
    return None if event.value in NULL else Plain(event.value)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, source: Source) -> Problem:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Problem(f"not YAML: {error.problem}", source.name)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation + line[mark.column : mark.column + 1]:
        message = "a tab: YAML is indented with spaces"
    else:
        hint = (
            ": put text with ${...} in quotes here" if "${" in line and "flow" in str(error.context) else ""
        )
        message = f"not YAML: {error.problem}{_begun(error)}{hint}"
    return Problem(message, source.name, mark.line + 1, mark.column + 1)


def _character_problem(error: Any, text: str, source: Source) -> Problem:
    before = text[: text.find(chr(error.character))].split("\n")
    message = f"not YAML: {error.reason} (U+{error.character:04X})"
    return Problem(message, source.name, len(before), len(before[-1]) + 1)


def _begun(error: yaml.MarkedYAMLError) -> str:
    if not error.context or error.context_mark is None:
        return ""
    return f" {error.context} that begins in line {error.context_mark.line + 1}"
