"""The two tables of `npu-smi info`, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field

Row = tuple[str, list[str]]
"""A line, and its cells."""
_LEAST = 2


@dataclass(slots=True)
class Rows:
    """What stands below each heading."""

    chips_header: str = ""
    """Both lines of it."""
    chips: list[Row] = field(default_factory=list)
    process_columns: int = 0
    processes: list[Row] = field(default_factory=list)


def read_rows(text: str) -> Rows:
    """The rows of both tables; widths of columns do not matter, frames and notes are left out."""
    rows = Rows()
    for line in text.splitlines():
        if not line.lstrip().startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) >= _LEAST:
            _add(rows, line, cells)
    return rows


def _add(rows: Rows, line: str, cells: list[str]) -> None:
    title = cells[0].split()
    if title[:2] == ["NPU", "Name"]:
        rows.chips_header = line
    elif title[:1] == ["Chip"] and rows.chips_header and not rows.chips:
        rows.chips_header += line
    elif title == ["NPU", "Chip"]:
        rows.process_columns = len(cells)
    elif rows.process_columns:
        rows.processes.append((line, cells))
    elif rows.chips_header:
        rows.chips.append((line, cells))
