"""Jinja templates to shell scripts; the only place where a value becomes shell text.

Every `{{ value }}` of a template is quoted by `finalize`, lists become words: a template cannot forget it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup


def quote(value: Any) -> str:
    """A value as shell words: a list becomes several, true and false are spelled in lower case.

    Raises ValueError for what has no spelling as a word (None, mappings).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return shlex.quote(str(value))
    if isinstance(value, Sequence):
        return " ".join(quote(item) for item in value)
    raise ValueError(f"a {type(value).__name__} cannot be a word of a shell script")


def _finalize(value: Any) -> Any:
    """Quote what a template prints; markup is what Jinja itself made of quoted text (macros, super())."""
    return value if isinstance(value, (Markup, Undefined)) else Markup(quote(value))


class Renderer:
    """Compiles a set of templates once and renders them for each rank."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=DictLoader(templates),
            undefined=StrictUndefined,
            finalize=_finalize,
            autoescape=True,  # so that macros and super() give markup; finalize does the quoting
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = lru_cache(maxsize=None)(self._environment.get_template)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Text of a template. Raises jinja2.UndefinedError, ValueError."""
        template: Template = self._template(name)
        return template.render(values)
