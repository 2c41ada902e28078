"""What a launcher has stored as JSON: read tolerantly, but damage and newer schemas are refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from launcher.errors import UsageError

SCHEMA = 1


@contextmanager
def intact(path: Path, hint: str) -> Iterator[None]:
    """What does not fit while a stored file is read is damage of it: UsageError with its name."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint=hint) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: damaged ({type(error).__name__}: {error})", hint=hint) from error


def read_object(path: Path, hint: str) -> dict[str, Any]:
    """A stored JSON object. Raises UsageError where it is missing, damaged, or a newer launcher wrote it."""
    with intact(path, hint):
        value = json.loads(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise TypeError("not a JSON object")
    refuse_newer(value.get("schema"), SCHEMA, str(path))
    return value


def refuse_newer(schema: object, known: int, source: str) -> None:
    """Raises UsageError for a schema above the known one; what is no number is for others to judge."""
    if isinstance(schema, int) and schema > known:
        raise UsageError(
            f"{source}: schema {schema}, this launcher reads up to {known}",
            hint="use the launcher that started the run, or a newer one",
        )
