"""What there is to fetch on a host: every regular file with its size and SHA-256."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import checked
from launcher.remote import script

_TIMEOUT = 3600.0
_FILE = re.compile(rb"([0-9a-f]{64}) (\d{1,18}) (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """Directories below one directory of a host, and patterns of the files in them that are wanted."""

    host: Host
    directory: str
    names: tuple[str, ...]
    patterns: tuple[str, ...] = ("*",)
    elsewhere: Mapping[str, str | None] = field(default_factory=dict)
    """Files that get another path here than there; None for those that come from another host."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its first `size` bytes have this sum. Paths are relative, as `os.fsdecode` gives them."""

    path: str
    size: int
    sha256: str
    here: str
    """Its path on this side."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a host has of a source; `problems` say why something cannot be read."""

    directories: tuple[str, ...] = ()
    files: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """What can never be fetched, and why."""

    def moved(self, elsewhere: Mapping[str, str | None]) -> Listing:
        """The same with other paths on this side."""
        paths = [elsewhere.get(entry.path, entry.path) for entry in self.files]
        files = [replace(entry, here=path) for entry, path in zip(self.files, paths, strict=True) if path]
        return replace(self, files=tuple(files))


def list_files(source: Source) -> Listing:
    """Ask a host what it has. Raises RemoteError where the directory is not there, HostError."""
    with tempfile.TemporaryFile() as out:
        checked(source.host, script("manifest"), source.directory, *source.names, out=out, timeout=_TIMEOUT)
        out.seek(0)
        said = _read(out.read().split(b"\n")[:-1], source.host.label)
    safe = [entry for entry in said.files if _is_inside(entry.path, source.names)]
    refused = sorted({entry.path for entry in said.files} - {entry.path for entry in safe})
    found = Listing(
        tuple(name for name in said.directories if name in source.names),
        tuple(_wanted(safe, source.patterns)),
        said.problems,
        (*said.left_out, *(f"{path!r} is refused: it leads elsewhere" for path in refused)),
    )
    return found.moved(source.elsewhere)


def _read(rows: Iterable[bytes], label: str) -> Listing:
    """All that a host says, true or not. Raises RemoteError where it makes no sense."""
    directories, files, problems, left_out = list[str](), list[Entry](), list[str](), list[str]()
    for row in rows:
        word, _, rest = row.partition(b" ")
        if word == b"directory":
            directories.append(os.fsdecode(rest))
        elif word == b"problem":
            problems.append(_printable(os.fsdecode(rest)))
        elif word == b"left":
            left_out.append(f"{_printable(os.fsdecode(rest))}: its name has a line break")
        elif match := _FILE.fullmatch(row):
            path = os.fsdecode(match[3])
            files.append(Entry(path, int(match[2]), match[1].decode(), path))
        else:
            raise RemoteError(f"host {label}: its list of files makes no sense: {row[:100]!r}")
    return Listing(tuple(directories), tuple(files), tuple(problems), tuple(left_out))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _is_inside(path: str, names: Sequence[str]) -> bool:
    """Whether a path stays below one of the directories that were asked for, whatever the host says."""
    first, *rest = path.split("/")
    return first in names and bool(rest) and "\0" not in path and {"", ".", ".."}.isdisjoint(rest)


def _wanted(entries: Iterable[Entry], patterns: Sequence[str]) -> Iterable[Entry]:
    """Patterns go by the path inside of LOG<rank>/."""
    for entry in entries:
        inside = entry.path.partition("/")[2]
        if any(fnmatch(inside, pattern) for pattern in patterns):
            yield entry
