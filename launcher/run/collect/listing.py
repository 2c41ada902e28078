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
_ROW = re.compile(rb"(?:directory ([^/]+)|([0-9a-f]{64}) (\d{1,18}) (.+))", re.DOTALL)


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
    """What a host has of a source; `problems` name what can never be fetched, and why."""

    directories: tuple[str, ...] = ()
    files: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()

    def moved(self, elsewhere: Mapping[str, str | None]) -> Listing:
        """The same with other paths on this side."""
        paths = [elsewhere.get(entry.path, entry.path) for entry in self.files]
        files = [replace(entry, here=path) for entry, path in zip(self.files, paths, strict=True) if path]
        return replace(self, files=tuple(files))


def list_files(source: Source) -> Listing:
    """Ask a host what it has. Raises RemoteError where the directory is not there, HostError."""
    with tempfile.TemporaryFile() as out:
        done = checked(
            source.host, script("manifest"), source.directory, *source.names, out=out, timeout=_TIMEOUT
        )
        out.seek(0)
        rows = [_parse(row, source.host.label) for row in out.read().split(b"\n")[:-1]]
    entries = [row for row in rows if isinstance(row, Entry)]
    safe = [entry for entry in entries if _is_inside(entry.path, source.names)]
    refused = sorted({entry.path for entry in entries} - {entry.path for entry in safe})
    return Listing(
        tuple(row for row in rows if row in source.names),
        tuple(_wanted(safe, source.patterns)),
        (
            *map(_printable, done.err.splitlines()),
            *(f"{path!r} is refused: it leads elsewhere" for path in refused),
        ),
    ).moved(source.elsewhere)


def _parse(row: bytes, label: str) -> Entry | str:
    """A file, or the name of a directory. Raises RemoteError."""
    match = _ROW.fullmatch(row)
    if not match:
        raise RemoteError(f"host {label}: its list of files makes no sense: {row[:100]!r}")
    name, digest, size, path = match.groups()
    if name:
        return os.fsdecode(name)
    text = os.fsdecode(path)
    return Entry(text, int(size), digest.decode(), text)


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
