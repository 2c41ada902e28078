"""Relative paths begin where they were written: at their file, or at the current directory for `--set`."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, replace

from launcher.errors import Problem
from launcher.spec.tree import Node, Path

_ANY = "*"
_CLUSTER_PATHS: tuple[Path, ...] = (
    ("path", _ANY),
    ("ssh", "key"),
    ("ssh", "known_hosts"),
    ("hosts", _ANY, "path", _ANY),
    ("hosts", _ANY, "ssh", "key"),
    ("hosts", _ANY, "ssh", "known_hosts"),
)
_SOURCE: Path = ("volumes", _ANY, "source")
_CODE: Path = ("volumes", "code", "source")


def absolute_in_cluster(cluster: Node, home: str) -> Node:
    """The cluster file with its paths absolute; `home` is what `~` stands for."""
    for pattern in _CLUSTER_PATHS:
        cluster = _rewrite(cluster, pattern, _Absolute(home))
    return cluster


def absolute_in_job(job: Node, home: str, remote_host: str | None, problems: list[Problem]) -> Node:
    """The job file with the sources of its volumes absolute.

    `code` is on this machine. With a `remote_host`, the other sources are there and must be absolute already.
    """
    job = _rewrite(job, _CODE, _Absolute(home))
    if remote_host is None:
        return _rewrite(job, _SOURCE, _Absolute(home))
    return _rewrite(job, _SOURCE, _Remote(remote_host, problems))


def absolute(path: str, directory: str) -> str:
    """A path that begins at a directory, without `..` and doubled slashes."""
    joined = os.path.normpath(os.path.join(directory, path))
    return "/" + joined.lstrip("/")


@dataclass(frozen=True, slots=True)
class _Absolute:
    home: str

    def __call__(self, node: Node, text: str) -> str:
        if text == "~" or text.startswith("~/"):
            text = self.home + text[1:]
        return absolute(text, node.place.source.directory)


@dataclass(frozen=True, slots=True)
class _Remote:
    host: str
    problems: list[Problem]

    def __call__(self, node: Node, text: str) -> str:
        if text.startswith("/"):
            return absolute(text, "/")
        self.problems.append(
            node.place.problem(
                f"a relative path, and {self.host} is remote: on remote hosts name an absolute path"
            )
        )
        return text


def _rewrite(node: Node, pattern: Path, change: _Absolute | _Remote) -> Node:
    if not pattern:
        return (
            replace(node, value=change(node, node.value))
            if isinstance(node.value, str) and node.value
            else node
        )
    if isinstance(node.value, dict):
        keys = [key for key in node.value if pattern[0] in (_ANY, key)]
        changed = {key: _rewrite(node.value[key], pattern[1:], change) for key in keys}
        return replace(node, value={**node.value, **changed}) if keys else node
    if isinstance(node.value, list) and pattern[0] == _ANY:
        return replace(node, value=[_rewrite(child, pattern[1:], change) for child in node.value])
    return node


def home_of(environ: Mapping[str, str]) -> str:
    """The home directory of the launching user."""
    return environ.get("HOME") or os.path.expanduser("~")
