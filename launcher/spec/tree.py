"""What a person wrote, as a tree whose every node knows its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from launcher.errors import Problem

Path = tuple[str | int, ...]
Value = None | str | list["Node"] | dict[str, "Node"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file or a `--set`: its name in messages, and where its relative paths begin."""

    name: str
    directory: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; line and column count from 1, 0 means the whole source."""

    source: Source
    line: int = 0
    column: int = 0

    def problem(self, message: str) -> Problem:
        """Something that is wrong here."""
        return Problem(message, self.source.name, self.line, self.column)


@dataclass(frozen=True, slots=True)
class Node:
    """A value, its place, the place of its key, and its text before `${VAR}` was replaced."""

    value: Value
    place: Place
    key: Place | None = None
    written: str | None = None

    @property
    def start(self) -> Place:
        """Where a reader looks for it: a mapping, a list and nothing at all begin at their key."""
        return self.place if self.key is None or isinstance(self.value, str) else self.key

    def child(self, part: str | int) -> Node | None:
        """The entry of a mapping or list; None where there is none."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def find(self, path: Path) -> Node | None:
        """The node at a path; None where there is none."""
        node: Node | None = self
        for part in path:
            node = node.child(part) if node else None
        return node

    def nearest(self, path: Path) -> Node:
        """The node at a path, or the innermost one above it that exists."""
        node = self
        for part in path:
            child = node.child(part)
            if child is None:
                break
            node = child
        return node

    def problem(self, path: Path, message: str) -> Problem:
        """Something that is wrong at a path; a missing value is reported where its parent stands."""
        return self.nearest(path).start.problem(message)


def to_data(node: Node) -> object:
    """Plain dictionaries, lists and texts."""
    if isinstance(node.value, dict):
        return {key: to_data(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [to_data(child) for child in node.value]
    return node.value


def with_entries(node: Node, entries: Mapping[str, Node]) -> Node:
    """The mapping with some entries added or replaced."""
    assert isinstance(node.value, dict)
    return replace(node, value={**node.value, **entries})


def without(node: Node, key: str) -> Node:
    """The mapping without a key."""
    assert isinstance(node.value, dict)
    return replace(node, value={name: child for name, child in node.value.items() if name != key})


def merge(below: Node, above: Node) -> Node:
    """Mappings are merged entry by entry; any other value of `above` replaces the one below."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    merged = dict(below.value)
    for key, child in above.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return replace(below, value=merged)
