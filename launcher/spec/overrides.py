"""`--set a.b=v`: values from the command line over those of the files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from launcher.errors import Problem
from launcher.spec.plain import NULL, Plain
from launcher.spec.tree import Node, Place, Source, with_entries
from launcher.spec.wording import closest, quoted
from launcher.spec.yaml_text import parse

_CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Override:
    """One `--set`: keys from the top of the file, and the value."""

    path: tuple[str, ...]
    node: Node


def parse_overrides(
    texts: Iterable[str], problems: list[Problem]
) -> tuple[tuple[Override, ...], tuple[Override, ...]]:
    """Overrides of the cluster file (`cluster.a.b=v`, without the first word) and of the job file."""
    overrides = [override for text in texts if (override := _parse(text, problems))]
    cluster = tuple(replace(each, path=each.path[1:]) for each in overrides if each.path[0] == _CLUSTER)
    return cluster, tuple(each for each in overrides if each.path[0] != _CLUSTER)


def _parse(text: str, problems: list[Problem]) -> Override | None:
    shown = text if text.isprintable() else repr(text)[1:-1]
    place = Place(Source(f"--set '{shown}'", os.getcwd()))
    key, equals, value = text.partition("=")
    path = tuple(key.split("."))
    if not equals or not all(path) or path == (_CLUSTER,):
        problems.append(place.problem("expected KEY=VALUE, such as ranks=16 or cluster.ssh.port=22"))
        return None
    node = _value(value, place, problems)
    return Override(path, node) if node else None


def _value(text: str, place: Place, problems: list[Problem]) -> Node | None:
    if not text.startswith(("[", "{", '"', "'")):
        return Node(None if text in NULL else Plain(text), place, place)
    found: list[Problem] = []
    node = parse(text, place.source, found)
    problems += [place.problem(each.message) for each in found]
    return _all_at(node, place) if node else None


def _all_at(node: Node, place: Place) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _all_at(child, place) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_all_at(child, place) for child in value]
    return Node(value, place, place)


def apply(tree: Node, overrides: Iterable[Override], problems: list[Problem]) -> Node:
    """The tree with the overrides in it, the last one winning."""
    for override in overrides:
        tree = _put(tree, override.path, override, problems)
    return tree


def _put(node: Node, path: tuple[str, ...], override: Override, problems: list[Problem]) -> Node:
    if not path:
        return override.node
    if isinstance(node.value, list):
        return _put_in_list(node, path, override, problems)
    if node.value is None:
        node = replace(node, value={})
    if not isinstance(node.value, dict):
        done = ".".join(override.path[: -len(path)])
        problems.append(override.node.place.problem(f'"{done}" is a single value: nothing can be set in it'))
        return node
    child = node.value.get(path[0])
    if child is None:
        if len(path) > 1 and override.path[: -len(path)] == ("volumes",):
            problems.append(_no_volume(path[0], node.value, override))
        child = Node({} if len(path) > 1 else None, override.node.place, override.node.place)
    return with_entries(node, {path[0]: _put(child, path[1:], override, problems)})


def _no_volume(name: str, known: Iterable[str], override: Override) -> Problem:
    """A new volume is given as a whole, so that a slip in a name does not make one."""
    close = closest(name, known)
    hint = f'did you mean "{close}"?' if close else "set volumes.NAME={source: ..., target: ...} to add one"
    return override.node.place.problem(f"no volume {quoted(name)}; {hint}")


def _put_in_list(node: Node, path: tuple[str, ...], override: Override, problems: list[Problem]) -> Node:
    assert isinstance(node.value, list)
    entries = list(node.value)
    if not path[0].isdecimal() or int(path[0]) >= len(entries):
        done = ".".join(override.path[: -len(path)])
        message = f'"{done}" is a list of {len(entries)}: expected an index from 0, got {quoted(path[0])}'
        problems.append(override.node.place.problem(message))
        return node
    index = int(path[0])
    entries[index] = _put(entries[index], path[1:], override, problems)
    return replace(node, value=entries)
