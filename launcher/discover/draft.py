"""A cluster file that may still lack what its hosts know: device kind, device ids, what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from launcher.errors import Problem, SpecError
from launcher.spec.cluster import Cluster, DeviceKind, Host
from launcher.spec.paths import absolute_in_cluster, home_of
from launcher.spec.plain import Plain
from launcher.spec.ranges import expand_host, expand_hosts
from launcher.spec.rules import cluster_problems
from launcher.spec.tree import Node, Place, Source, with_entries, without
from launcher.spec.validation import validate
from launcher.spec.variables import expand
from launcher.spec.yaml_text import parse, read_text


@dataclass(frozen=True, slots=True)
class Draft:
    """A cluster file as it is, with its text."""

    path: str
    text: str
    cluster: Cluster
    """The device kind is `cpu` where the file has none."""
    tree: Node
    """Hosts one by one."""
    has_device: bool
    entries: tuple[int, ...]
    """How many hosts each entry of the file stands for: more than one where it is a pattern."""

    def entry_of(self, host: int) -> int:
        """Position in the file of the entry that a host comes from."""
        passed = 0
        for entry, count in enumerate(self.entries):
            passed += count
            if host < passed:
                return entry
        raise IndexError(host)

    def devices_of(self, host: Host) -> tuple[int, ...] | None:
        """Physical ids that the file gives a host; None where it says nothing."""
        is_silent = host.devices is None and self.cluster.devices is None
        return None if is_silent else self.cluster.devices_of(host)

    def place(self, *path: str | int) -> Place:
        """Where something is written, or what it would be part of."""
        return self.tree.nearest(path).place


def read_draft(path: str, environ: Mapping[str, str]) -> Draft:
    """Raises SpecError with every problem that hosts cannot answer."""
    problems: list[Problem] = []
    text = read_text(path, problems)
    if text is None:
        raise SpecError(problems)
    return draft_of(text, path, environ)


def draft_of(text: str, path: str, environ: Mapping[str, str]) -> Draft:
    """A text that is, or will be, the file at a path. Raises SpecError."""
    problems: list[Problem] = []
    written = _mapping(text, path, problems)
    cluster = None
    if written is not None:
        has_device = written.child("device") is not None
        plain = expand(_with_device(written), environ, problems)
        counts = _counts(plain)
        tree = absolute_in_cluster(_without_blanks(expand_hosts(plain, problems)), home_of(environ))
        cluster = validate(Cluster, tree, problems)
    if cluster is not None:
        problems += cluster_problems(cluster, tree, is_draft=True)
    if problems:
        raise SpecError(problems)
    assert written is not None and cluster is not None
    return Draft(path, text, cluster, tree, has_device, counts)


def _mapping(text: str, path: str, problems: list[Problem]) -> Node | None:
    node = parse(text, Source(path, str(Path(path).absolute().parent)), problems)
    if node is not None and not isinstance(node.value, dict):
        problems.append(node.place.problem("expected a mapping (`key: value` lines) at the top level"))
        return None
    return node


def _with_device(written: Node) -> Node:
    if written.child("device") is not None:
        return written
    return with_entries(written, {"device": Node(Plain(DeviceKind.CPU.value), written.place)})


def _without_blanks(tree: Node) -> Node:
    """The file without sections, and keys of hosts, that have no value yet: they are to be filled in."""
    hosts, driver = tree.child("hosts"), tree.child("driver")
    if driver is not None and driver.value is None:
        tree = without(tree, "driver")
    if hosts is None or not isinstance(hosts.value, list):
        return tree
    filled = [
        replace(host, value={key: node for key, node in host.value.items() if node.value is not None})
        if isinstance(host.value, dict)
        else host
        for host in hosts.value
    ]
    return with_entries(tree, {"hosts": replace(hosts, value=filled)})


def _counts(written: Node) -> tuple[int, ...]:
    """Of each entry, the hosts that it stands for; what is wrong with it is found elsewhere."""
    hosts = written.child("hosts")
    if hosts is None or not isinstance(hosts.value, list):
        return ()
    return tuple(len(expand_host(entry, [])) for entry in hosts.value)
