"""What the tools of the Ascend driver print, as data. Pure: text in, frozen dataclasses out.

The forms are those of the vendor's documents and of users' reports; nobody has run this on an NPU yet.
"""

from __future__ import annotations

_LONGEST = 200


class ToolError(ValueError):
    """A tool of the driver said something else than an answer; the message has its own words."""


def unexpected(tool: str, text: str) -> ToolError:
    """What a tool said instead of an answer: its first line that says anything."""
    lines = [line.strip(" \t|+=-") for line in text.splitlines()]
    said = next((line for line in lines if line), "")
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in said[:_LONGEST])
    return ToolError(f"{tool}: {shown}" if said else f"{tool} said nothing")
