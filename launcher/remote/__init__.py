"""The shell scripts that run on hosts. Values reach them as words, never as text of the script."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script(name: str, *parts: str) -> str:
    """Text of a script, after what all share and parts that it uses; call it by `sh -c TEXT launcher …`."""
    here = files(__package__)
    return "".join((here / f"{each}.sh").read_text("utf-8") for each in ("common", *parts, name))


def load_all() -> None:
    """Read every script now: an upgrade of the launcher must not change what a running supervisor does."""
    for entry in files(__package__).iterdir():
        if entry.name.endswith(".sh") and entry.name != "common.sh":
            script(entry.name[: -len(".sh")])
