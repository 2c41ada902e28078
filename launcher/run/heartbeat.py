"""A thread that renews the lease and the locks while the supervisor lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from launcher.claims import locks
from launcher.claims.lease import RENEWAL
from launcher.errors import LauncherError
from launcher.hosts import Host, RemoteError
from launcher.hosts.clock import Clock, measure
from launcher.hosts.fence import Fenced
from launcher.hosts.fleet import try_on_all
from launcher.run.ground import Ground

CLOCKS = 600.0
"""Seconds between two looks at the clocks of hosts."""


class Heartbeat:
    """Renews every 15 s; `check` raises once another launcher has taken over, or the thread has broken."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="heartbeat")
        self._beating: Future[None] | None = None
        self._refusing: set[str] = set()

    def __enter__(self) -> Heartbeat:
        self._beating = self._pool.submit(self._renew_all)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._pool.shutdown()

    def check(self) -> None:
        """Raises Fenced when the lease is lost, and whatever else has ended the thread."""
        if self._beating is not None and self._beating.done():
            self._beating.result()

    def sleep(self, seconds: float) -> None:
        """Wait between attempts. Raises Fenced, Cancelled."""
        waited = 0.0
        while waited < seconds:
            self.check()
            self._ground.stop_if_cancelled()
            self._stopping.wait(0.2)
            waited += 0.2

    def _renew_all(self) -> None:
        measured = time.monotonic() - CLOCKS  # again soon: while all connect it is measured roughly
        while not self._stopping.wait(RENEWAL):
            self._note(try_on_all(self._ground.hosts.values(), self._renew))
            if time.monotonic() - measured > CLOCKS:
                measured = time.monotonic()
                self._measure_clocks()

    def _note(self, outcomes: Mapping[str, LauncherError | None]) -> None:
        """A refusal is told once, until it is over; of lost hosts the watch tells. Raises Fenced."""
        for label, outcome in outcomes.items():
            if isinstance(outcome, Fenced):
                raise outcome
            if isinstance(outcome, RemoteError) and label not in self._refusing:
                words = f"the lease cannot be renewed: {outcome}"
                hint = "ranks that nobody seems to watch end themselves: make room on that host"
                self._ground.course.events.write("warning", message=words, hint=hint)
        self._refusing = {label for label, each in outcomes.items() if isinstance(each, RemoteError)}

    def _measure_clocks(self) -> None:
        outcomes = try_on_all(self._ground.hosts.values(), measure)
        clocks = {label: clock for label, clock in outcomes.items() if isinstance(clock, Clock)}
        self._ground.course.note_clocks(clocks)

    def _renew(self, host: Host) -> None:
        locks.renew(host, self._ground.part(host), self._ground.epoch, self._ground.run_id)
