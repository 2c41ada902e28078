"""All hosts of an attempt under one selector: what their members do, as it happens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from launcher.hosts import Host, HostError
from launcher.hosts.clock import Clock
from launcher.hosts.listening import Listening
from launcher.plan.model import Plan
from launcher.run.gang import MemberStatus, State, planned, read_line
from launcher.runtime import Runtime

_BEAT = b"beat\n"


class Watcher:
    """Knows the state of every member; `poll` brings it up to date."""

    def __init__(
        self,
        runtime: Runtime,
        plan: Plan,
        hosts: Mapping[str, Host],
        clocks: Mapping[str, Clock] | None = None,
    ) -> None:
        """`clocks` by host label; with them members end by this machine's clock."""
        self.members: dict[str, MemberStatus] = planned(plan.members)
        self._clocks = {} if clocks is None else clocks
        self._keys = {part.label: part.members for part in plan.hosts}
        self._rests = dict.fromkeys(self._keys, b"")
        self._listening = Listening(
            {part.label: partial(runtime.watch, hosts[part.label], plan, part) for part in plan.hosts}
        )

    def poll(self, seconds: float) -> list[MemberStatus]:
        """Members that changed, after waiting at most so long. Raises HostError for a stream of nonsense."""
        before = dict(self.members)
        for label, data in self._heard(seconds):
            if data is None:
                self._rests[label] = b""
            else:
                self._hear(label, data)
        for label in self._listening.lost():
            self._forget(label)
        return [
            member
            for key, member in self.members.items()
            if member is not before[key]
            and member != before[key]  # comparing all of them ten times a second adds up
        ]

    def lost(self) -> dict[str, float]:
        """Seconds without contact, of the hosts that are lost."""
        return self._listening.lost()

    @property
    def is_heard(self) -> bool:
        """Whether each member has been heard of, or contact with its host is lost."""
        return all(member.state is not State.PLANNED for member in self.members.values())

    def is_over(self, label: str) -> bool:
        """Whether no member of a host will change any more."""
        return all(self.members[key].state.is_over for key in self._keys[label])

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()

    def _heard(self, seconds: float) -> list[tuple[str, bytes | None]]:
        """What hosts say. Beats alone wake nothing else: a thousand hosts send 500 of them a second."""
        began = time.monotonic()
        heard = self._listening.poll(seconds)
        if heard and all(data == _BEAT for _, data in heard):
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        return heard

    def _hear(self, label: str, data: bytes) -> None:
        *lines, self._rests[label] = (self._rests[label] + data).split(b"\n")
        try:
            for line in lines:
                self._learn(line.decode("utf-8", "replace"))
        except ValueError as error:
            raise HostError(f"host {label}: {error}") from error
        if self.is_over(label):
            self._listening.finish(label)

    def _learn(self, line: str) -> None:
        status = read_line(line, self.members)
        if status is None:
            return
        if status.ended is not None:
            status = replace(status, ended=self._clocks.get(status.host, Clock()).to_here(status.ended))
        self.members[status.key] = status

    def _forget(self, label: str) -> None:
        for key in self._keys[label]:
            if not self.members[key].state.is_over:
                self.members[key] = replace(self.members[key], state=State.UNKNOWN)
