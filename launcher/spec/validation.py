"""pydantic's errors as plain English, each where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from launcher.errors import Problem
from launcher.spec.base import Model
from launcher.spec.plain import Plain
from launcher.spec.scalars import PATTERNS
from launcher.spec.tree import Node, Path, to_data
from launcher.spec.wording import closest, quoted

M = TypeVar("M", bound=Model)

_EXPECTED = {
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "string_unicode": "must be valid Unicode text",
    "model_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "tuple_type": "expected a list",
    "greater_than_equal": "expected at least {ge:g}",
    "less_than_equal": "expected at most {le:g}",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
}


def validate(model: type[M], tree: Node, problems: list[Problem]) -> M | None:
    """The model of a file; None when `problems` says what is wrong with it."""
    try:
        return model.model_validate(to_data(tree))
    except ValidationError as error:
        problems.extend(_problems(model, tree, error))
        return None


def _problems(model: type[Model], tree: Node, failure: ValidationError) -> Iterator[Problem]:
    errors = failure.errors(include_url=False, include_input=False)
    suggested = set()
    for error in errors:
        if error["type"] == "extra_forbidden":
            *parents, key = error["loc"]
            close = closest(str(key), _keys_at(model, tuple(parents)))
            suggested.add((*parents, close))
            hint = f'; did you mean "{close}"?' if close else ""
            yield _at_key(tree, error["loc"], f"unknown key {quoted(str(key))}{hint}")
    for error in errors:
        if error["type"] == "missing" and error["loc"] not in suggested:
            yield tree.problem(error["loc"], f'missing key "{error["loc"][-1]}"')
        elif error["type"] not in ("missing", "extra_forbidden") and not _is_echo(tree, error):
            yield _wrong_value(tree, error)


def _is_echo(tree: Node, error: Mapping[str, Any]) -> bool:
    """pydantic calls a list too short when its entries are wrong, which it reports anyway."""
    return error["type"] == "too_short" and bool(tree.nearest(error["loc"]).value)


def _wrong_value(tree: Node, error: Mapping[str, Any]) -> Problem:
    loc: Path = error["loc"]
    if loc and loc[-1] == "[key]":
        return _at_key(tree, loc[:-1], f"{_expectation(error)}, got the key {quoted(str(loc[-2]))}")
    node = tree.nearest(loc)
    if not loc:  # a rule between keys of the file
        return node.start.problem(_expectation(error))
    return node.start.problem(f"{_expectation(error)}, got {_described(node, error['type'])}")


def _expectation(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "string_pattern_mismatch":
        return f"expected {PATTERNS[context['pattern']]}"
    if error["type"] == "too_short":
        return "expected at least one entry"
    return _EXPECTED[error["type"]].format(**context).replace("'", "")


def _described(node: Node, kind: str) -> str:
    """The value, but never that of a variable: it may be a secret."""
    if node.value is None:
        return 'nothing: write "" for empty text' if kind == "string_type" else "nothing"
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list" if node.value else "an empty list"
    if node.written is not None:
        return f"the value of {quoted(node.written)}"
    if kind in ("int_type", "bool_type") and not isinstance(node.value, Plain):
        return f"the text {quoted(node.value)}: take the quotes away"
    return quoted(node.value)


def _at_key(tree: Node, loc: Path, message: str) -> Problem:
    node = tree.nearest(loc)
    return (node.key or node.place).problem(message)


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The keys that the model inside `model` at a place knows."""
    for part in loc:
        for name, field in model.model_fields.items():
            if part == (field.alias or name):
                model = _model_in(field.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
