"""Output of `npu-smi info` and its sisters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from launcher.npu import unexpected
from launcher.npu.table import Rows, read_rows

_TOOL = "npu-smi"
_VERSION = re.compile(r"npu-smi\s+(\S+)\s+Version:")
_ID = re.compile(r"-?\d{1,18}")
_BUS = re.compile(r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f]")
_NONE = frozenset(("", "-", "NA", "N/A"))
_USAGE = re.compile(r"(\d{1,18})\s*/\s*(\d{1,18})")
_FIELD = re.compile(r"\s*([^:|]*[^:|\s])\s*:\s*([^|]*)")
_MANAGER = "Mcu"


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a memory, in MB."""

    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip that computes: what `/dev/davinciN` stands for. An NPU of an A3 has two."""

    npu: int
    """NPU id, which `-i` of npu-smi takes; -1 where the NPU cannot be used."""
    chip: int
    """Chip id within the NPU, which `-c` takes."""
    physical: int | None
    """N of /dev/davinciN; None where this form does not say it."""
    name: str
    health: str
    """OK, Warning, Alarm, Critical or UNKNOWN."""
    bus: str
    memory: Usage | None = None
    hbm: Usage | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process that works on a chip."""

    npu: int
    chip: int
    pid: int
    name: str
    memory: int
    """MB."""


@dataclass(frozen=True, slots=True)
class Info:
    """`npu-smi info`."""

    version: str
    chips: tuple[Chip, ...]
    processes: tuple[Process, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """An NPU of `npu-smi info -l`."""

    npu: int
    chips: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """A chip of `npu-smi info -m`."""

    npu: int
    chip: int
    logic: int
    physical: int | None
    """None where the form has no such column."""
    name: str


@dataclass(frozen=True, slots=True)
class Health:
    """`npu-smi info -t health`; code and words are NA where all is well."""

    status: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Spod:
    """`npu-smi info -t spod-info`: place in a super pod; None where it is not said."""

    sdid: str | None
    super_pod: str | None


@dataclass(frozen=True, slots=True)
class Remap:
    """`npu-smi info -t phyid-remap`: which chip a physical id is."""

    physical: int
    logic: int
    npu: int
    chip: int


def parse_info(text: str) -> Info:
    """Every chip and every process. Raises ToolError with the tool's own words."""
    rows = read_rows(text)
    if not rows.chips_header:
        raise unexpected(_TOOL, text)
    version = _VERSION.search(text)
    return Info(version[1] if version else "", tuple(_chips(rows)), tuple(_processes(rows)))


def parse_list(text: str) -> tuple[Card, ...]:
    """The NPUs of `info -l`; their ids may have gaps. Raises ToolError."""
    fields = [(name, value) for name, value in _fields(text)]
    ids = [_number(value, text) for name, value in fields if name in ("NPU ID", "Card ID")]
    counts = [_number(value, text) for name, value in fields if name == "Chip Count"]
    total = [_number(value, text) for name, value in fields if name in ("Total Count", "Card Count")]
    if len(ids) != len(counts) or total != [len(ids)]:
        raise unexpected(_TOOL, text)
    return tuple(map(Card, ids, counts))


def parse_map(text: str) -> tuple[Mapped, ...]:
    """The chips of `info -m` that compute: no Mcu, and no NPU that cannot be used. Raises ToolError."""
    lines = [line for line in text.splitlines() if line.strip()]
    header = next((index for index, line in enumerate(lines) if "Chip Logic ID" in line), None)
    if header is None:
        raise unexpected(_TOOL, text)
    has_physical = "Chip Phy-ID" in lines[header]
    rows = (_mapped(line, has_physical) for line in lines[header + 1 :])
    return tuple(row for row in rows if row is not None)


def parse_health(text: str) -> Health:
    """Raises ToolError."""
    said = dict(_fields(text))
    status = next((said[name] for name in ("Health Status", "Health") if name in said), "")
    if not status:
        raise unexpected(_TOOL, text)
    return Health(status, said.get("Error Code", "NA"), said.get("Error Information", "NA"))


def parse_spod(text: str) -> Spod:
    """Raises ToolError where nothing is said of a super pod."""
    said = dict(_fields(text))
    found = Spod(_known(said.get("SDID")), _known(said.get("Super Pod ID")))
    if found == Spod(None, None):
        raise unexpected(_TOOL, text)
    return found


def parse_remap(text: str) -> Remap:
    """Raises ToolError."""
    said = dict(_fields(text))
    names = ("Chip Physical ID", "Chip Logic ID", "NPU ID", "Chip ID")
    if not all(name in said for name in names):
        raise unexpected(_TOOL, text)
    return Remap(*(_number(said[name], text) for name in names))


def with_physical(chips: Sequence[Chip], mapped: Iterable[Mapped] = ()) -> tuple[Chip, ...]:
    """The chips with their physical ids, as far as they can be known; an id that is known stays.

    `info` of A3 and 310P says them, `-m` of others may. Else an NPU with a single chip is what its id says;
    of NPUs with more, the logic id is taken: a host that sees all its chips numbers them alike.
    """
    known = {(each.npu, each.chip): each for each in mapped}
    several = {each.npu for each in chips if each.chip > 0}
    return tuple(
        chip
        if chip.physical is not None
        else replace(chip, physical=_physical(chip, known, has_several=chip.npu in several))
        for chip in chips
    )


def _physical(chip: Chip, known: Mapping[tuple[int, int], Mapped], *, has_several: bool) -> int | None:
    row = known.get((chip.npu, chip.chip))
    if row is not None and row.physical is not None:
        return row.physical
    if not has_several:
        return chip.npu if chip.npu >= 0 else None
    return row.logic if row is not None else None


def _chips(rows: Rows) -> Iterator[Chip]:
    npu: tuple[int, str, str] | None = None
    for line, cells in rows.chips:
        ids = cells[0].split()
        if npu is not None and ids and (_BUS.fullmatch(cells[1]) or cells[1] in _NONE):
            yield _chip(npu, ids, cells, rows, line)
        elif len(ids) > 1 and _ID.fullmatch(ids[0]):
            npu = int(ids[0]), " ".join(ids[1:]), cells[1]
        else:
            raise unexpected(_TOOL, line)


def _chip(npu: tuple[int, str, str], ids: Sequence[str], cells: Sequence[str], rows: Rows, line: str) -> Chip:
    usages = [Usage(int(used), int(total)) for used, total in _USAGE.findall(cells[-1])]
    names = [name for name in ("Memory", "HBM") if f"{name}-Usage" in rows.chips_header]
    sizes = dict(zip(names, usages, strict=False))
    return Chip(
        npu=npu[0],
        chip=_number(ids[0], line),
        physical=_number(ids[1], line) if len(ids) > 1 else None,
        name=npu[1],
        health=npu[2],
        bus=cells[1],
        memory=sizes.get("Memory"),
        hbm=sizes.get("HBM"),
    )


def _processes(rows: Rows) -> Iterator[Process]:
    """Columns that newer versions add come last; a name may hold the bar that divides columns."""
    for line, cells in rows.processes:
        ids = cells[0].split()
        beyond = len(cells) - rows.process_columns
        if len(ids) != 2 or beyond < 0:
            raise unexpected(_TOOL, line)
        name = "|".join(cells[2 : 3 + beyond])
        npu, chip, pid, memory = (_number(each, line) for each in (*ids, cells[1], cells[3 + beyond]))
        yield Process(npu, chip, pid, name, memory)


def _mapped(line: str, has_physical: bool) -> Mapped | None:
    words = line.split(None, 4 if has_physical else 3)
    if len(words) < (5 if has_physical else 4):
        raise unexpected(_TOOL, line)
    npu, chip, logic, name = words[0], words[1], words[2], words[-1].strip()
    if name == _MANAGER or logic in _NONE or npu.startswith("-"):
        return None
    physical = words[3] if has_physical and words[3] not in _NONE else None
    return Mapped(
        _number(npu, line),
        _number(chip, line),
        _number(logic, line),
        None if physical is None else _number(physical, line),
        name,
    )


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """`name : value`, several of them in a line where bars divide them."""
    for line in text.splitlines():
        for part in line.split("|"):
            if match := _FIELD.fullmatch(part):
                yield match[1], match[2].strip()


def _known(value: str | None) -> str | None:
    return None if value is None or value in _NONE else value


def _number(text: str, said: str) -> int:
    if not _ID.fullmatch(text):
        raise unexpected(_TOOL, said)
    return int(text)
