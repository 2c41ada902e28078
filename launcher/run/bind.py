"""From the draft to the plan of an attempt: what only a real run can know."""

from __future__ import annotations

import random
from dataclasses import replace

from launcher.errors import StartFailed
from launcher.plan.build import plan
from launcher.plan.model import SCHEDULER, Plan
from launcher.remote import script
from launcher.run.ground import Ground

# Below the range that Linux hands out to connections, above what services use.
_PORTS = range(20000, 32000)
_PORTS_TRIED = 20


def bind(ground: Ground, attempt: int, code: str | None) -> Plan:
    """The plan of an attempt; `code` is the digest of the code snapshot. Raises StartFailed, HostError."""
    binding = replace(ground.draft.binding, attempt=str(attempt))
    if code is not None:
        binding = replace(binding, code=code)
    if any(member.key == SCHEDULER for member in ground.draft.members):
        binding = replace(binding, scheduler_port=_free_port(ground))
    return plan(ground.spec, binding)


def _free_port(ground: Ground) -> str:
    scheduler = next(member for member in ground.draft.members if member.key == SCHEDULER)
    ports = [str(port) for port in random.sample(_PORTS, _PORTS_TRIED)]
    done = ground.hosts[scheduler.host].run(script("free_port"), *ports)
    if done.code:
        raise StartFailed(f"host {scheduler.host}: {done.err.strip()}")
    return done.out.strip()
