"""Files that others read at any moment are written whole: under another name, then renamed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | str, *, mode: int = 0o644, durable: bool = False) -> None:
    """Replace the file at `path`; a kill leaves the old content or the new, and a loss of power, too, where
    it is `durable`. Raises OSError that names the file.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Replace the file at `path` by a JSON document, durably."""
    write_atomically(path, json.dumps(value, indent=1) + "\n", durable=True)
