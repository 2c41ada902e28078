"""`node[01-16]` in a host entry stands for many hosts."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product

from launcher.errors import Problem
from launcher.spec.tree import Node, with_entries, without
from launcher.spec.wording import quoted

MOST_HOSTS = 4096
_FIELDS = ("address", "name", "host_ip")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*")


def expand_hosts(cluster: Node, problems: list[Problem]) -> Node:
    """The cluster file with every host on its own; too many hosts or unequal patterns are problems."""
    hosts = cluster.child("hosts")
    if hosts is None or not isinstance(hosts.value, list):
        return cluster
    expanded: list[Node] = []
    for host in hosts.value:
        expanded += expand_host(host, problems)
    if len(expanded) > MOST_HOSTS:
        problems.append(hosts.start.problem(f"{len(expanded)} hosts: at most {MOST_HOSTS} are supported"))
    return with_entries(cluster, {"hosts": replace(hosts, value=list(expanded))})


def expand_host(host: Node, problems: list[Problem]) -> list[Node]:
    """The hosts that one entry stands for."""
    patterns: dict[str, list[Node]] = {}
    for field in _FIELDS:
        node = host.child(field)
        if node is not None and isinstance(node.value, str) and "[" in node.value:
            try:
                patterns[field] = [replace(node, value=text) for text in expand_pattern(node.value)]
            except ValueError as error:
                problems.append(node.place.problem(f"{error}: {quoted(node.written or node.value)}"))
                host = host if field == "address" else without(host, field)
    counts = {field: len(nodes) for field, nodes in patterns.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{field} for {count}" for field, count in counts.items())
        problems.append(host.start.problem(f"patterns for unequal numbers of hosts: {said}"))
    rows = zip(*patterns.values(), strict=False)
    return [with_entries(host, dict(zip(patterns, row, strict=True))) for row in rows] if patterns else [host]


def expand_pattern(text: str) -> list[str]:
    """The texts that a pattern with `[01-03,7]` groups stands for; the last group varies fastest.

    Brackets around an IPv6 address are no range. Raises ValueError.
    """
    parts = _BRACKETS.split(text)  # text, group, text, group, ..., text
    if any(bracket in part for part in parts[::2] for bracket in "[]"):
        raise ValueError("a bracket without its partner")
    choices = [
        _numbers(part) if index % 2 and ":" not in part else [f"[{part}]" if index % 2 else part]
        for index, part in enumerate(parts)
    ]
    count = math.prod(len(choice) for choice in choices)
    if count > MOST_HOSTS:
        raise ValueError(f"{count} hosts, at most {MOST_HOSTS} are supported")
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(group: str) -> list[str]:
    if not _NUMBERS.fullmatch(group):
        raise ValueError("expected a range such as [01-16] or [1-3,7]")
    numbers: list[str] = []
    for item in group.split(","):
        first, _, last = item.partition("-")
        below, above = int(first), int(last or first)
        if above < below:
            raise ValueError("the range goes down")
        if above - below >= MOST_HOSTS:
            raise ValueError(f"{above - below + 1} hosts, at most {MOST_HOSTS} are supported")
        numbers += [str(number).zfill(len(first)) for number in range(below, above + 1)]
    return numbers
