"""Tables on stdout: as wide as the terminal, or as wide as they need to be where a program reads them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_WIDE = 10_000


def console() -> Console:
    """Standard output; rich keeps NO_COLOR, and colours nothing that is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def print_table(shown: RenderableType) -> None:
    """Print without the spaces that fill a table's last column."""
    screen = console()
    with screen.capture() as captured:
        screen.print(shown)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def table(*columns: str) -> Table:
    """An empty table without lines; where it is too wide, the last column is folded first."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column != columns[-1])
    return made


def data(value: object, style: str = "") -> Text:
    """A cell that shows a value as it is: no markup, no control characters, nothing for None."""
    from rich.text import Text

    text = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text), style=style)
