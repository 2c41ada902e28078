"""`${VAR}` and `${VAR:-default}` in scalars; `$${` is a literal `${`.

The value of a variable is never read as YAML structure: it stays one scalar. Without quotes around it, it is
a number where the field wants one; it is never null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from launcher.errors import Problem
from launcher.spec.plain import Plain
from launcher.spec.tree import Node, Value

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?")


def expand(node: Node, environ: Mapping[str, str], problems: list[Problem]) -> Node:
    """The tree with all variables replaced; as in a shell, a default also replaces an empty value."""
    value = node.value
    if isinstance(value, dict):
        return replace(node, value={key: expand(child, environ, problems) for key, child in value.items()})
    if isinstance(value, list):
        return replace(node, value=[expand(child, environ, problems) for child in value])
    if value is None or "${" not in value:
        return node
    return replace(node, value=_expanded(value, node, environ, problems), written=value)


def _expanded(text: str, node: Node, environ: Mapping[str, str], problems: list[Problem]) -> Value:
    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match["name"], match["default"]
        if name is None:
            problems.append(node.place.problem("`${` begins no ${NAME}: write $${ for a literal ${"))
        elif default is not None:
            return environ.get(name) or default
        elif name not in environ:
            problems.append(node.place.problem(_unset(name)))
        return environ.get(name or "", "")

    expanded = _REFERENCE.sub(replacement, text)
    return Plain(expanded) if isinstance(text, Plain) else expanded


def _unset(name: str) -> str:
    return f"${{{name}}} is not set: export it, write ${{{name}:-default}}, or $${{ for a literal ${{"
