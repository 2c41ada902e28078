"""Clocks of hosts against this machine's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from launcher.hosts.base import Host
from launcher.hosts.fence import checked
from launcher.remote import script


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a host's clock is ahead of this machine's, in seconds; the truth is within `error` of it."""

    skew: float = 0.0
    error: float = 0.0

    def to_here(self, moment: float) -> float:
        """A host's time by this machine's clock; a skew within its error is none."""
        return moment - self.skew if abs(self.skew) > self.error else moment


def measure(host: Host, looks: int = 3) -> Clock:
    """The best of some looks: a host tells its time between two moments of ours. Raises HostError."""
    return best(_look(lambda: checked(host, script("clock")).out) for _ in range(looks))


def best(looks: Iterable[Clock]) -> Clock:
    """The one that is known most closely."""
    return min(looks, key=lambda clock: clock.error)


def _look(ask: Callable[[], str]) -> Clock:
    before = time.time()
    told = float(ask())
    after = time.time()
    return Clock(round(told - (before + after) / 2, 4), round((after - before) / 2, 4))


def parse_clocks(stored: Mapping[str, Mapping[str, float]]) -> dict[str, Clock]:
    """Clocks by host label, as an event has them."""
    return {label: Clock(float(each["skew"]), float(each["error"])) for label, each in stored.items()}
