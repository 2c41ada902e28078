"""The end of members: TERM, the grace, KILL, on each host by itself; one that hangs holds up no other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from launcher.errors import LauncherError, LostContact
from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import Fenced
from launcher.hosts.fleet import IN_FLIGHT, together
from launcher.plan.model import Plan
from launcher.run.gang import all_over
from launcher.run.ground import Ground
from launcher.run.watch import Watcher

TICK = 0.2
"""Seconds between two looks at what no stream tells: the lease, a wish to cancel, the time."""
SCHEDULER_GRACE = 10.0

_Answer = Future[LauncherError | None]


def stop(ground: Ground, plan: Plan, host: Host, *, kill: bool) -> None:
    """Raises LostContact where the host refuses: what runs there still needs its lock, and a launcher."""
    try:
        ground.runtime.stop(host, plan, plan.host(host.label), ground.epoch, kill=kill)
    except Fenced:
        raise
    except (LostContact, RemoteError) as error:
        raise LostContact(f"not all ranks could be ended: {error}", hint=how_to_go_on(ground)) from error


def how_to_go_on(ground: Ground) -> str:
    """What to do once contact with a host, or with its Docker, is lost."""
    return f"launcher attach {ground.run_id} goes on when it answers again"


def stop_all(ground: Ground, plan: Plan, watcher: Watcher, grace: float) -> None:
    """TERM, then KILL after the grace. The last sweep also finds what ranks left behind.

    A host that does not answer is told of when all others are done. Raises LostContact, Fenced.
    """
    hosts = ground.hosts.values()
    with_term = not all_over(watcher.members.values())
    pool = ThreadPoolExecutor(IN_FLIGHT + len(watcher.lost()), thread_name_prefix="stopping")
    try:
        partings = {
            host.label: _Parting(partial(_begin, pool, ground, plan, host), grace, with_term=with_term)
            for host in hosts
        }
        while not all(each.is_done for each in partings.values()):
            for label, each in partings.items():
                each.go_on(is_over=watcher.is_over(label))
            _pause(ground, watcher, [each.kill for each in partings.values() if each.kill is not None])
    finally:
        pool.shutdown(cancel_futures=True)
    if errors := [error for each in partings.values() if (error := each.error) is not None]:
        raise together(errors)
    _wait_until_over(ground, watcher)


class _Parting:
    """How the members of one host end; `begin` sends KILL, or TERM, in a thread."""

    def __init__(self, begin: Callable[[bool], _Answer], grace: float, *, with_term: bool) -> None:
        self._begin, self._grace = begin, grace
        self._due = math.inf if with_term else time.monotonic() + grace
        self._term = begin(False) if with_term else None
        self.kill: _Answer | None = None
        if self._term is not None:
            self._term.add_done_callback(self._begin_grace)

    @property
    def is_done(self) -> bool:
        """Whether KILL has been answered, or contact was lost."""
        return self.kill is not None and self.kill.done()

    @property
    def error(self) -> LauncherError | None:
        """Why KILL was not answered."""
        return None if self.kill is None else self.kill.result()

    def go_on(self, *, is_over: bool) -> None:
        """KILL when it is time. Raises Fenced: whoever has lost the lease sends nothing more."""
        for sent in (self._term, self.kill):
            if sent is not None and sent.done() and isinstance(error := sent.result(), Fenced):
                raise error
        if self.kill is None and (is_over or time.monotonic() >= self._due):
            self.kill = self._begin(True)

    def _begin_grace(self, _: object) -> None:
        self._due = time.monotonic() + self._grace


def _begin(pool: ThreadPoolExecutor, ground: Ground, plan: Plan, host: Host, kill: bool) -> _Answer:
    def outcome() -> LauncherError | None:
        try:
            stop(ground, plan, host, kill=kill)
        except LauncherError as error:
            return error
        return None

    return pool.submit(outcome)


def _pause(ground: Ground, watcher: Watcher, kills: list[_Answer]) -> None:
    if all(member.state.is_over for member in watcher.members.values()):
        wait(kills, TICK)  # no stream will tell more
    else:
        ground.course.tell(watcher.poll(TICK))


def _wait_until_over(ground: Ground, watcher: Watcher) -> None:
    deadline = time.monotonic() + SCHEDULER_GRACE
    while time.monotonic() < deadline:
        if all(member.state.is_over for member in watcher.members.values()):
            return
        ground.course.tell(watcher.poll(TICK))
