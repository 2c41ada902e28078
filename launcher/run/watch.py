"""All hosts of an attempt under one selector: what their members do, as it happens."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from launcher.hosts import Host, HostError, Stream
from launcher.plan.model import HostPlan, Plan
from launcher.run.gang import MemberStatus, State, planned, read_line
from launcher.runtime import Runtime

SILENCE = 30.0
"""Seconds without a word from a host after which contact counts as lost; it beats every two seconds."""
RETRY = 2.0
"""Seconds between attempts to reach a host again."""


@dataclass(slots=True)
class _Ear:
    """One host: its stream while there is contact, and since when there is none."""

    part: HostPlan
    stream: Stream | None = None
    buffer: bytes = b""
    heard: float = 0.0
    lost_since: float | None = None
    tried: float = 0.0


class Watcher:
    """Knows the state of every member; `poll` brings it up to date."""

    def __init__(self, runtime: Runtime, plan: Plan, hosts: Mapping[str, Host]) -> None:
        self.members: dict[str, MemberStatus] = planned(plan.members)
        self._runtime = runtime
        self._plan = plan
        self._hosts = hosts
        self._selector = selectors.DefaultSelector()
        self._ears = [_Ear(part) for part in plan.hosts]
        for ear in self._ears:
            self._listen(ear)

    def poll(self, seconds: float) -> list[MemberStatus]:
        """Members that changed, after waiting at most so long. Raises HostError for a stream of nonsense."""
        before = dict(self.members)
        for key, _ in self._selector.select(seconds):
            self._hear(key.data)
        now = time.monotonic()
        for ear in self._ears:
            if ear.stream is not None and now - ear.heard > SILENCE:
                self._lose(ear)
            if ear.stream is None and not self._is_done(ear) and now - ear.tried > RETRY:
                self._listen(ear)
        return [member for key, member in self.members.items() if member != before[key]]

    def lost(self) -> dict[str, float]:
        """Seconds without contact, of the hosts that are lost."""
        now = time.monotonic()
        return {
            ear.part.label: now - ear.lost_since
            for ear in self._ears
            if ear.lost_since is not None and not self._is_done(ear)
        }

    def close(self) -> None:
        """Stop listening."""
        for ear in self._ears:
            self._hang_up(ear)
        self._selector.close()

    def _listen(self, ear: _Ear) -> None:
        ear.tried = ear.heard = time.monotonic()
        try:
            ear.stream = self._runtime.watch(self._hosts[ear.part.label], self._plan, ear.part)
        except HostError:
            self._lose(ear)
        else:
            ear.buffer = b""
            self._selector.register(ear.stream, selectors.EVENT_READ, ear)

    def _hear(self, ear: _Ear) -> None:
        assert ear.stream is not None
        try:
            data = ear.stream.read()
        except HostError:
            data = b""
        if not data:
            self._hang_up(ear) if self._is_done(ear) else self._lose(ear)
            return
        ear.heard, ear.lost_since = time.monotonic(), None
        *lines, ear.buffer = (ear.buffer + data).split(b"\n")
        try:
            for line in lines:
                self._learn(line.decode("utf-8", "replace"))
        except ValueError as error:
            raise HostError(f"host {ear.part.label}: {error}") from error

    def _learn(self, line: str) -> None:
        status = read_line(line, self.members)
        if status is not None:
            self.members[status.key] = status

    def _is_done(self, ear: _Ear) -> bool:
        return all(self.members[key].state.is_over for key in ear.part.members)

    def _lose(self, ear: _Ear) -> None:
        self._hang_up(ear)
        ear.lost_since = ear.lost_since or time.monotonic()
        for key in ear.part.members:
            if not self.members[key].state.is_over:
                self.members[key] = replace(self.members[key], state=State.UNKNOWN)

    def _hang_up(self, ear: _Ear) -> None:
        if ear.stream is not None:
            self._selector.unregister(ear.stream)
            ear.stream.close()
            ear.stream = None
