"""The shell scripts that run on hosts. Values reach them as words, never as text of the script."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """Text of a script, with what all of them share before it; call it with `sh -c TEXT launcher WORD…`."""
    here = files(__package__)
    return (here / "common.sh").read_text("utf-8") + (here / f"{name}.sh").read_text("utf-8")


def load_all() -> None:
    """Read every script now: an upgrade of the launcher must not change what a running supervisor does."""
    for entry in files(__package__).iterdir():
        if entry.name.endswith(".sh") and entry.name != "common.sh":
            script(entry.name[: -len(".sh")])
