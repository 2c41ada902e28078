"""Jinja templates to shell scripts; the only place where a value becomes shell text.

Every `{{ value }}` of a template is quoted by `finalize`, lists become words: a template cannot forget it. No
filter is a way around it: what `safe`, `escape` or `tojson` give is text like any other.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from launcher.plan.quoted_places import quoted_place

_quote_text = lru_cache(maxsize=4096)(shlex.quote)


class ScriptError(ValueError):
    """A template that cannot be rendered; `template` and `line` say where."""

    def __init__(self, message: str, template: str, line: int) -> None:
        super().__init__(message)
        self.template = template
        self.line = line


class _ShellText(str):
    """What Jinja itself has put together from quoted text: of a macro, a block, super()."""

    __slots__ = ()


def quote(value: Any) -> str:
    """A value as shell words: a list becomes several, true and false are spelled in lower case.

    Raises ValueError for what has no spelling as a word (None, mappings).
    """
    if isinstance(value, str):
        return _quote_text(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _quote_text(f"{value}")
    if isinstance(value, Sequence):
        return " ".join([_quote_text(item) if type(item) is str else _finalize(item) for item in value])
    raise ValueError(f"{value!r:.80} cannot be a word of a shell script")


def _exports(pairs: Iterable[tuple[str, str]]) -> str:
    """Filter: names of environment variables and their values, as lines of shell."""
    return _ShellText("\n".join([f"    export {name}={_quote_text(value)}" for name, value in pairs]))


def _finalize(value: Any) -> Any:
    if type(value) is str:  # most are, and a plan of thousands of ranks has half a million
        return _quote_text(value)
    return value if isinstance(value, (_ShellText, Undefined)) else quote(value)


def _join(parts: Iterable[str]) -> str:
    return _ShellText("".join(parts))


class Renderer:
    """Compiles a set of templates once and renders them for each rank."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._templates = templates
        self._environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._source),
            undefined=StrictUndefined,
            finalize=_finalize,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
        )
        self._environment.filters["exports"] = _exports
        self._environment.concat = _join  # type: ignore[method-assign]
        del (
            self._environment.globals["lipsum"],
            self._environment.filters["random"],
        )  # equal input, equal bytes

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Text of a template. Raises ScriptError with the place in the template."""
        try:
            template: Template = self._environment.get_template(name)
            return str(template.render(values))
        except TemplateSyntaxError as error:
            raise ScriptError(error.message or str(error), error.name or name, error.lineno) from error
        except (TemplateError, ValueError, TypeError, LookupError, ArithmeticError) as error:
            where, line = self._place(error, name)
            raise ScriptError(str(error), where, line) from error

    def _source(self, name: str) -> tuple[str, str, None] | None:
        """Text and, as its file name, the name of a template: tracebacks show it."""
        text = self._templates.get(name)
        if text is None:
            return None
        if line := quoted_place(text, self._environment):
            message = "a value inside quotes: the launcher quotes each, so write it outside of them"
            raise TemplateSyntaxError(message, line, name)
        return text, name, None

    def _place(self, error: BaseException, name: str) -> tuple[str, int]:
        """The innermost line of a template that the traceback shows."""
        place, trace = (name, 1), error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file in self._templates:
                place = (file, trace.tb_lineno)
            trace = trace.tb_next
        return place
