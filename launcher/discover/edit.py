"""Changes in the text of a cluster file; all else stays as it was written, comments too. Pure.

Values are found by the marks of PyYAML's nodes and replaced there. A library that writes YAML anew, with
comments, would also change indentation, quotes and the widths of columns, and so show in every diff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from launcher.discover.changes import Change
from launcher.discover.draft import Draft
from launcher.discover.scalars import flow_mapping, scalar
from launcher.spec.cluster import Cluster, Host

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CLUSTER_KEYS = [field.alias or name for name, field in Cluster.model_fields.items()]
_HOST_KEYS = list(Host.model_fields)
_PATTERNS = ("address", "name", "host_ip")
_STEP = 2


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def edited(draft: Draft, changes: Sequence[Change]) -> str:
    """The file's text with the changes; a pattern that stands for hosts with changes is written out."""
    text, entry_of = _written_out(draft, {change.host for change in changes if change.host is not None})
    root = _compose(text)
    hosts = _value(root, "hosts").value
    newline = _newline(text)
    edits: list[_Edit] = []
    for change in sorted(_together(root, changes), key=_position):
        mapping = root if change.host is None else hosts[entry_of(change.host)]
        editor = _Editor(text, newline, _CLUSTER_KEYS if change.host is None else _HOST_KEYS)
        edits += editor.set(mapping, change.path, change.new, change.old)
    return _apply(text, edits)


def _together(root: Any, changes: Sequence[Change]) -> list[Change]:
    """Settings below a key that the file does not have yet, as one."""
    nested = [change for change in changes if len(change.path) > 1]
    section = _find(root, nested[0].path[0]) if nested else None
    if not nested or (isinstance(section, yaml.MappingNode) and section.value):
        return list(changes)
    assert len({change.path[0] for change in nested}) == 1  # `driver` is the only such section
    values = {change.path[1]: change.new for change in nested}
    others = [change for change in changes if len(change.path) == 1]
    return [*others, Change(None, nested[0].path[:1], None, values, False)]


def _position(change: Change) -> int:
    """In the order of the documents, so that what is added to one key comes before the next key."""
    keys = _CLUSTER_KEYS if change.host is None else _HOST_KEYS
    return keys.index(change.path[0])


def _written_out(draft: Draft, hosts: set[int]) -> tuple[str, Callable[[int], int]]:
    """The text, and where in it the entry of each of these hosts is."""
    patterns = {draft.entry_of(host) for host in hosts if draft.entries[draft.entry_of(host)] > 1}
    hosts_node = _value(_compose(draft.text), "hosts")
    edits: list[_Edit] = []
    for entry in patterns:
        first = sum(draft.entries[:entry])
        expanded = draft.cluster.hosts[first : first + draft.entries[entry]]
        edits.append(_copies(draft.text, hosts_node, entry, expanded))
    positions: dict[int, int] = {}
    passed = host = 0
    for entry, count in enumerate(draft.entries):
        for number in range(count):
            positions[host] = passed + (number if entry in patterns else 0)
            host += 1
        passed += count if entry in patterns else 1
    text = _apply(draft.text, edits)
    return text if text.endswith("\n") else text + _newline(text), positions.__getitem__


def _copies(text: str, entries: Any, position: int, hosts: Sequence[Host]) -> _Edit:
    """The entry once for each host, each with its own address and name."""
    entry = entries.value[position]
    start, end = entry.start_mark.index, _end(entry, text)
    between = ", " if entries.flow_style else _newline(text) + _lead(text, start, entries.start_mark.column)
    own = [  # what differs between them
        (key.value, node.start_mark.index - start, node.end_mark.index - start)
        for key, node in entry.value
        if key.value in _PATTERNS and len({getattr(host, key.value) for host in hosts}) > 1
    ]
    copies = (
        _apply(text[start:end], [_Edit(at, to, scalar(getattr(host, key))) for key, at, to in own])
        for host in hosts
    )
    return _Edit(start, end, between.join(copies))


def _lead(text: str, start: int, column: int) -> str:
    """What stands before an entry, from the line of its dash on."""
    at = text.rfind("\n", 0, start) + 1
    while text[at + column] != "-":
        at = text.rfind("\n", 0, at - 1) + 1
    return text[at:start]


class _Editor:
    """Sets values in mappings of one text."""

    def __init__(self, text: str, newline: str, order: Sequence[str]) -> None:
        self._text = text
        self._newline = newline
        self._order = order

    def set(self, mapping: Any, path: Sequence[str], value: Any, old: Any) -> Iterator[_Edit]:
        """Edits that make a mapping say this."""
        key, *rest = path
        node = _find(mapping, key)
        if rest:
            yield from _Editor(self._text, self._newline, rest).set(node, rest, value, old)
            return
        if node is None:
            yield self._insert(mapping, key, value)
        elif value and isinstance(value, Mapping) and _is_block(node) and node.value:
            yield from self._update(node, value, old)
        else:
            yield self._replace(mapping, node, value)

    def _insert(self, mapping: Any, key: str, value: Any) -> _Edit:
        """A new key after those that come before it in the order of the documents."""
        if not _is_block(mapping):
            at = _end(mapping.value[-1][1], self._text)
            return _Edit(at, at, f", {key}: {_in_flow(value)}")
        position = self._order.index(key) if key in self._order else len(self._order)
        earlier = [
            each
            for name, each in mapping.value
            if name.value in self._order and self._order.index(name.value) < position
        ]
        anchor = max(earlier or [node for _, node in mapping.value], key=lambda node: node.start_mark.index)
        return self._lines_after(anchor, mapping, [(key, value)])

    def _lines_after(self, anchor: Any, mapping: Any, entries: Sequence[tuple[str, Any]]) -> _Edit:
        indent = mapping.value[0][0].start_mark.column
        lines = [line for key, value in entries for line in _block(key, value, indent)]
        at = self._text.find("\n", _end(anchor, self._text))
        at = len(self._text) if at < 0 else at + 1
        text = "".join(line + self._newline for line in lines)
        return _Edit(at, at, text if at and self._text[at - 1] == "\n" else self._newline + text)

    def _replace(self, mapping: Any, node: Any, value: Any) -> _Edit:
        """The value of a key, whatever it was."""
        name = next(name for name, each in mapping.value if each is node)
        colon = self._text.index(":", name.end_mark.index) + 1
        end = max(_end(node, self._text), colon)
        is_flow = not _is_block(mapping) or (node.value and _is_flow(node))
        if isinstance(value, Mapping) and value and not is_flow:
            lines = _block("", value, name.start_mark.column)[1:]
            return self._below(colon, end, lines)
        shown = _in_flow(value) if is_flow or isinstance(value, Mapping) else scalar(value)
        if node.start_mark.index > colon and (isinstance(node, yaml.ScalarNode) or _is_flow(node)):
            return _Edit(node.start_mark.index, end, shown)
        return _Edit(colon, end, f" {shown}")

    def _below(self, colon: int, end: int, lines: Sequence[str]) -> _Edit:
        """Lines in place of a value; a comment beside a key without one stays there."""
        if not self._text[colon:end].strip():
            rest = self._text[colon:].split("\n", 1)[0].rstrip("\r")
            colon = end = colon + len(rest)
        return _Edit(colon, end, "".join(self._newline + line for line in lines))

    def _update(self, node: Any, wanted: Mapping[Any, Any], old: Mapping[Any, Any]) -> Iterator[_Edit]:
        """A mapping with an entry a line: each line by itself, so that the comments of others stay."""
        texts = {str(key): value for key, value in wanted.items()}
        before = {str(key): value for key, value in old.items()}
        for key, each in node.value:
            if key.value not in texts:
                start = self._text.rfind("\n", 0, key.start_mark.index) + 1
                end = self._text.find("\n", _end(each, self._text))
                yield _Edit(start, len(self._text) if end < 0 else end + 1, "")
            elif before[key.value] != texts[key.value]:
                yield self._replace(node, each, texts[key.value])
        new = [(key, value) for key, value in texts.items() if key not in before]
        if new:
            yield self._lines_after(node.value[-1][1], node, new)


def _block(key: str, value: Any, indent: int) -> list[str]:
    lead = " " * indent
    if not isinstance(value, Mapping):
        return [f"{lead}{key}: {scalar(value)}"]
    inner = [line for name, each in value.items() for line in _block(str(name), each, indent + _STEP)]
    return [f"{lead}{key}:", *inner]


def _in_flow(value: Any) -> str:
    return flow_mapping(value) if isinstance(value, Mapping) else scalar(value, in_flow=True)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _compose(text: str) -> Any:
    return yaml.compose(text, _LOADER)


def _find(mapping: Any, key: str) -> Any:
    return next((node for name, node in mapping.value if name.value == key), None)


def _value(mapping: Any, key: str) -> Any:
    found = _find(mapping, key)
    assert found is not None  # the draft is valid
    return found


def _is_block(node: Any) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _is_flow(node: Any) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _end(node: Any, text: str) -> int:
    """Where a value ends; the mark of a block stands only where the next one begins."""
    if isinstance(node, yaml.MappingNode) and _is_block(node) and node.value:
        return _end(node.value[-1][1], text)
    if isinstance(node, yaml.SequenceNode) and _is_block(node) and node.value:
        return _end(node.value[-1], text)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return len(text[:end].rstrip())
    return end


def _apply(text: str, edits: Sequence[_Edit]) -> str:
    """Edits at the same place keep their order."""
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += (text[at : edit.start], edit.text)
        at = edit.end
    return "".join((*pieces, text[at:]))
