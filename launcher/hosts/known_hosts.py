"""Host keys that are known, in the form of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import PKey

_AUTHORITY, _REVOKED = "@cert-authority", "@revoked"


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Keys of one host: those that are trusted, and those that must never be."""

    trusted: tuple[PKey, ...]
    revoked: tuple[PKey, ...]


def known_keys(files: Iterable[Path], name: str) -> KnownKeys:
    """Keys of a host under its name there: `host`, or `[host]:port` where the port is not 22.

    Files that are not there are passed over. So are lines of a certificate authority: a host that only such a
    line vouches for is not known.
    """
    found = [pair for file in files if file.is_file() for pair in _keys_in(file, name)]
    trusted = tuple(key for marker, key in found if marker == "")
    return KnownKeys(trusted, tuple(key for marker, key in found if marker == _REVOKED))


def _keys_in(file: Path, name: str) -> Iterator[tuple[str, PKey]]:
    by_name, others = _indexed(file, file.stat().st_mtime_ns)
    for marker, names, line in (*by_name.get(name.lower(), ()), *others):
        if marker != _AUTHORITY and _is_among(name, names.split(",")) and (key := _key(line)) is not None:
            yield marker, key


Entry = tuple[str, str, str]
"""Marker, names, and the whole without its marker, of a line."""


@lru_cache(maxsize=64)
def _indexed(file: Path, changed: int) -> tuple[Mapping[str, list[Entry]], list[Entry]]:
    """Lines by each plain name, and those that are hashed or patterns; thousands of hosts share one file."""
    by_name: dict[str, list[Entry]] = {}
    others: list[Entry] = []
    for entry in _entries(file):
        if entry[1].startswith("|") or not {"*", "?", "!"}.isdisjoint(entry[1]):
            others.append(entry)
        else:
            for name in entry[1].split(","):
                by_name.setdefault(name.lower(), []).append(entry)
    return by_name, others


def _entries(file: Path) -> tuple[Entry, ...]:
    entries = []
    for line in map(str.strip, file.read_text("utf-8", "replace").splitlines()):
        marker, rest = (*line.split(None, 1), "")[:2] if line.startswith("@") else ("", line)
        words = rest.split(None, 1)
        if words and not line.startswith("#"):
            entries.append((marker, words[0], rest.strip()))
    return tuple(entries)


def _is_among(name: str, patterns: list[str]) -> bool:
    if any(pattern.startswith("!") and _matches(pattern[1:], name) for pattern in patterns):
        return False
    return any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    """Whether a hashed name or a pattern with `*` and `?` stands for a host."""
    if pattern.startswith("|1|"):
        from paramiko.hostkeys import HostKeys

        try:
            return HostKeys.hash_host(name, pattern) == pattern
        except (ValueError, IndexError, AssertionError):  # damaged
            return False
    if "*" not in pattern and "?" not in pattern:
        return pattern.lower() == name.lower()
    regular = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regular, name, re.IGNORECASE) is not None


def _key(line: str) -> PKey | None:
    """The key of a line; None for what is no key, or of a kind that we do not know."""
    from paramiko import SSHException
    from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

    try:
        entry = HostKeyEntry.from_line(line)
    except (InvalidHostKey, SSHException, ValueError, IndexError):  # damaged
        return None
    return entry.key if entry is not None else None
