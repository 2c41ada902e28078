"""Devices that somebody else uses. Pure.

A device is complained of once: by the lock of a run, else by the container that has it, else by the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, error
from launcher.claims.locks import how_to_remove

_NODE = "/dev/davinci"
_LOCK = "npu-"


def devices(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """No other run of the launcher holds one."""
    if needs.holders_are_refused:
        left = {path.rpartition("/")[2]: path for path in facts.left}
        for holder in facts.holders:
            wait = f"wait for it, or end it: launcher cancel {holder.run}"
            yield error(str(holder), how_to_remove(left[holder.name]) if holder.name in left else wait)


def containers(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """No other container is given one, whether it uses it or not."""
    held = _held_nodes(facts)
    for node, container in facts.engine.taken if facts.engine else ():
        if node not in held:
            words = f"{node} is in use by container {container}"
            yield error(words, f"wait for it, or end it: docker stop {quote(container)}")


def processes(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """No process has one open, or works on its NPU."""
    known = _held_nodes(facts) | {node for node, _ in (facts.engine.taken if facts.engine else ())}
    seen = set()
    for user in facts.openers:
        if user.what not in known:
            seen.add(user.what)
            yield error(f"{user.what} is opened by {user}", _end(user.pid))
    for row in facts.npus.processes if facts.npus else ():
        node = f"{_NODE}{row.device}"
        if row.device in (needs.npus.devices if needs.npus else ()) and node not in known | seen:
            words = f"NPU {row.device} is used by process {row.pid} ({row.name}, {row.memory} MB)"
            yield error(words, _end(str(row.pid)))


def _held_nodes(facts: Facts) -> set[str]:
    return {_NODE + holder.name.removeprefix(_LOCK) for holder in facts.holders}


def _end(pid: str) -> str:
    return f"wait for it, or end it (ps -fp {pid}): kill {pid}, then 10 s for the NPU to be let go"
