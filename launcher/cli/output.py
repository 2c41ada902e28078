"""What people see: data on stdout, progress and errors on stderr; colour only on a terminal."""

from __future__ import annotations

import json
import sys
from typing import Any

from launcher.errors import LauncherError


def print_error(error: LauncherError) -> None:
    """An error, and on a line of its own what to do next."""
    print(f"error: {error}", file=sys.stderr)
    if error.hint:
        print(f"  next: {error.hint}", file=sys.stderr)


def say(message: str) -> None:
    """Progress."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Data for programs."""
    json.dump(value, sys.stdout, indent=1)
    print()
