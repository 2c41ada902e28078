"""A thread that renews the lease and the locks while the supervisor lives."""

from __future__ import annotations

import threading
from types import TracebackType

from launcher.errors import LauncherError
from launcher.hosts import Host
from launcher.run import locks
from launcher.run.fleet import try_on_all
from launcher.run.ground import Ground
from launcher.run.lease import RENEWAL
from launcher.runtime.fence import Fenced


class Heartbeat:
    """Renews every 15 s; `check` raises once another launcher has taken over."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._stopping = threading.Event()
        self._fenced: Fenced | None = None
        self._thread = threading.Thread(target=self._renew_all, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Raises Fenced when the lease is lost."""
        if self._fenced is not None:
            raise self._fenced

    def sleep(self, seconds: float) -> None:
        """Wait between attempts. Raises Fenced, Cancelled."""
        waited = 0.0
        while waited < seconds:
            self.check()
            self._ground.stop_if_cancelled()
            self._stopping.wait(0.2)
            waited += 0.2

    def _renew_all(self) -> None:
        while not self._stopping.wait(RENEWAL):
            outcomes = try_on_all(self._ground.hosts.values(), self._renew)
            fenced = [outcome for outcome in outcomes.values() if isinstance(outcome, Fenced)]
            if fenced:
                self._fenced = fenced[0]
                return

    def _renew(self, host: Host) -> LauncherError | None:
        locks.renew(host, self._ground.part(host), self._ground.epoch, self._ground.run_id)
        return None
