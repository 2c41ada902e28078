"""What has happened in a run so far, on the supervisor's own clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from launcher.hosts.clock import Clock
from launcher.run.events import EventLog, Phase
from launcher.run.gang import MemberStatus
from launcher.run.result import Attempt


@dataclass(slots=True)
class Course:
    """Grows while the run goes on; ends up in result.json."""

    events: EventLog
    seconds: dict[str, float] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    collected: bool = True
    clocks: dict[str, Clock] = field(default_factory=dict)
    """Of hosts, by label, as last measured."""

    def note_clocks(self, clocks: Mapping[str, Clock]) -> None:
        """Remember and write what has been measured."""
        self.clocks |= clocks
        self.events.write("clocks", hosts={label: asdict(clock) for label, clock in clocks.items()})

    def tell(self, changed: Iterable[MemberStatus]) -> None:
        """Write what has become of members."""
        for member in changed:
            self.events.write(
                "member",
                key=member.key,
                host=member.host,
                device=member.device,
                state=member.state.value,
                pid=member.pid,
                exit_code=member.exit_code,
                ended=member.ended,
                reason=member.reason,
            )

    @contextmanager
    def phase(self, name: Phase, attempt: int | str = 0) -> Iterator[None]:
        """Write that a phase begins, and remember how long it took."""
        self.events.write("phase", phase=name, attempt=int(attempt))
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 3)
