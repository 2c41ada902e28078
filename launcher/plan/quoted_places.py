"""Finds values that a template puts inside shell quotes, where the launcher's own quoting would not protect.

Follows the quoting of POSIX sh (Shell Command Language, 2.2) through the text of a template, in the order in
which it is written: quotes, backslashes, comments, `$(…)`, `${…}` and backquotes, but no here-documents.
"""

from __future__ import annotations

from jinja2 import Environment

_OPENING = {"$(": ")", "${": "}", "(": ")", "`": "`"}


def quoted_place(text: str, environment: Environment) -> int | None:
    """The line of the first `{{ value }}` inside quotes or a comment; None where there is none.

    Raises jinja2.TemplateSyntaxError.
    """
    shell = _Shell()
    for line, token, part in environment.lex(text):
        if token == "data":
            shell.read(part)
        elif token == "variable_begin" and shell.is_quoted:
            return line
    return None


class _Shell:
    """The quoting at the end of what has been read; the innermost of nested ones is last."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._previous = "\n"

    @property
    def is_quoted(self) -> bool:
        return bool(self._open) and self._open[-1] in ("'", '"', "#")

    def read(self, text: str) -> None:
        at = 0
        while at < len(text):
            at += self._step(text, at)

    def _step(self, text: str, at: int) -> int:
        """Reads one character, or two that belong together; gives how many."""
        inner = self._open[-1] if self._open else ""
        one, two = text[at], text[at : at + 2]
        previous, self._previous = self._previous, one
        if (inner == "#" and one == "\n") or (inner and inner != "#" and one == inner):
            self._open.pop()
        elif inner in ("'", "#"):
            pass
        elif one == "\\":
            self._previous = "\\"
            return 2
        elif one == '"' or (one == "'" and inner != '"'):
            self._open.append(one)
        elif one == "#" and inner != '"' and previous in " \t\n;&|(":
            self._open.append("#")
        elif two in _OPENING:
            self._open.append(_OPENING[two])
            self._previous = two[1]
            return 2
        elif one == "`" or (one == "(" and inner in ("", ")")):
            self._open.append(_OPENING[one])
        return 1
