"""JSON whose values know their place in the text, with comments and duplicate keys reported."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launcher.rank_table.finding import Finding, Problem, format_path
from launcher.rank_table.model import Path
from launcher.rank_table.rules import RULES

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"?|(//[^\n]*|/\*.*?(?:\*/|\Z)|#[^\n]*)', re.DOTALL)
_TOKEN = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')


class Number(str):
    """A number, NaN or Infinity of the JSON text, as it is written there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text. ``data`` is None where ``problems`` says that it is not JSON."""

    text: str
    source: str
    data: object
    offsets: Mapping[Path, int]
    problems: tuple[Problem, ...]

    @property
    def is_json(self) -> bool:
        """Whether the text, its comments aside, is JSON."""
        return all(problem.rule != "json-syntax" for problem in self.problems)

    def findings(self, problems: list[Problem]) -> list[Finding]:
        """The problems with line and column, in the order of the text."""
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        placed = sorted(((self._offset(problem), problem) for problem in problems), key=lambda pair: pair[0])
        return [self._finding(problem, offset, starts) for offset, problem in placed]

    def _finding(self, problem: Problem, offset: int, line_starts: list[int]) -> Finding:
        line = bisect_right(line_starts, offset)
        column = offset - line_starts[line - 1] + 1
        return to_finding(problem, source=self.source, line=line, column=column)

    def _offset(self, problem: Problem) -> int:
        """Offset of the value, or of what would hold it where it is missing."""
        if problem.offset is not None:
            return problem.offset
        path = problem.path
        while path not in self.offsets:
            path = path[:-1]
        return self.offsets[path]


def to_finding(
    problem: Problem, *, source: str = "", line: int | None = None, column: int | None = None
) -> Finding:
    """The problem with what its rule says of it."""
    rule = RULES[problem.rule]
    return Finding(
        rule=problem.rule,
        severity=rule.severity,
        path=format_path(problem.path),
        message=problem.message,
        hccl=rule.hccl,
        remedy=rule.remedy,
        source=source,
        line=line,
        column=column,
    )


def parse_json(text: str, source: str) -> Document:
    """Parse JSON; comments are reported and skipped, so that one look finds what else is wrong."""
    comments = [match for match in _STRING_OR_COMMENT.finditer(text) if match[1]]
    problems = [Problem("json-comment", (), "JSON has no comments", match.start()) for match in comments]
    bare = _STRING_OR_COMMENT.sub(_blank_comment, text) if comments else text
    try:
        data: object = json.loads(bare, parse_int=Number, parse_float=Number, parse_constant=Number)
        offsets, duplicates = _locate(bare)
    except json.JSONDecodeError as error:
        return _broken(text, source, [*problems, Problem("json-syntax", (), error.msg, error.pos)])
    except RecursionError:
        return _broken(text, source, [*problems, Problem("json-syntax", (), "nested too deeply", 0)])
    return Document(text, source, data, offsets, (*problems, *duplicates))


def _broken(text: str, source: str, problems: list[Problem]) -> Document:
    return Document(text, source, None, {}, tuple(problems))


def _blank_comment(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0]) if match[1] else match[0]


def _locate(text: str) -> tuple[dict[Path, int], list[Problem]]:
    """Offset of every value of a valid JSON text, and its duplicate keys."""
    offsets: dict[Path, int] = {}
    duplicates: list[Problem] = []
    tokens = _TOKEN.finditer(text)

    def visit(token: re.Match[str], path: Path) -> None:
        offsets[path] = token.start()
        if token[0] == "{":
            visit_object(path)
        elif token[0] == "[":
            for index, item in enumerate(_items(tokens, "]")):
                visit(item, (*path, index))

    def visit_object(path: Path) -> None:
        seen: set[str] = set()
        for key in _items(tokens, "}"):
            name: str = json.loads(key[0])
            if name in seen:
                duplicates.append(
                    Problem("json-duplicate-key", (*path, name), f"key {name!r} occurs twice", key.start())
                )
            seen.add(name)
            next(tokens)  # the colon
            visit(next(tokens), (*path, name))

    visit(next(tokens), ())
    return offsets, duplicates


def _items(tokens: Iterator[re.Match[str]], end: str) -> Iterator[re.Match[str]]:
    """First token of each member or element, up to the closing bracket."""
    for token in tokens:
        if token[0] == end:
            return
        if token[0] != ",":
            yield token
