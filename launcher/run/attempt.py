"""One attempt: all ranks are started or none, the first failure ends the others, nothing stays behind."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launcher.errors import ExitCode, LauncherError, LostContact, StartFailed
from launcher.hosts import DockerSilent
from launcher.hosts.fence import Fenced, checked
from launcher.hosts.fleet import on_all, try_on_all
from launcher.plan.model import Plan
from launcher.remote import script
from launcher.run.gang import MemberStatus, State, all_over, first_failure, rivals_of
from launcher.run.ground import Ground
from launcher.run.heartbeat import Heartbeat
from launcher.run.stopping import SCHEDULER_GRACE, TICK, how_to_go_on, stop, stop_all
from launcher.run.watch import Watcher

FIRST_WORDS = 10.0
"""Seconds to hear of every member before anything but itself may end a run; a host may never tell."""
CONTACT_TIMEOUT = 300.0
"""Seconds without contact to a host after which the supervisor gives up; the ranks run on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended."""

    code: ExitCode
    words: str
    members: Mapping[str, MemberStatus]
    failure: MemberStatus | None = None
    rivals: tuple[MemberStatus, ...] = ()
    """Those that may have failed before it, as far as the clocks of hosts can tell."""


def start_gang(ground: Ground, plan: Plan) -> None:
    """Create all members on all hosts, then start all.

    Raises StartFailed and Cancelled after rolling back, LostContact where that could not be done everywhere.
    """
    try:
        _create_and_start(ground, plan)
    except Fenced:
        raise
    except LauncherError as error:
        ground.runtime.close()
        _roll_back(ground, plan, error)
        if error.exit_code is ExitCode.CANCELLED:
            raise
        raise StartFailed(f"not all ranks could be started: {error}", hint=error.hint) from error


def _create_and_start(ground: Ground, plan: Plan) -> None:
    hosts = ground.hosts.values()
    attempt = plan.binding.attempt
    with ground.course.phase("create", attempt):
        on_all(hosts, lambda host: ground.runtime.create(host, plan, plan.host(host.label), ground.epoch))
    ground.stop_if_cancelled()
    with ground.course.phase("start", attempt):
        on_all(hosts, lambda host: ground.runtime.start(host, plan, plan.host(host.label), ground.epoch))
    what = "processes" if plan.runtime == "process" else "containers"
    counts = {"hosts": len(plan.hosts), "members": len(plan.members), "ranks": plan.ranks}
    ground.course.events.write("started", **counts, what=what)


def _roll_back(ground: Ground, plan: Plan, cause: LauncherError) -> None:
    """End whatever of the attempt runs anywhere.

    Raises LostContact where something may be left, with nothing left on hosts that answer, and Fenced. A
    host that was lost may still be at what it was told, also when it answers by now; its Docker is not.
    """
    stopped = try_on_all(ground.hosts.values(), lambda host: stop(ground, plan, host, kill=True))
    failures = _failures(stopped)
    is_lost = isinstance(cause, LostContact) and not isinstance(cause, DockerSilent)
    if not failures and not is_lost:
        return
    answering = [host for host in ground.hosts.values() if stopped[host.label] is None]
    removed = try_on_all(
        answering,
        lambda host: ground.runtime.remove(host, plan, plan.host(host.label), ground.epoch),
    )
    words = "\n".join(map(str, [cause, *failures, *_failures(removed)]))
    raise LostContact(f"not all ranks could be started: {words}", hint=how_to_go_on(ground)) from cause


def _failures(outcomes: Mapping[str, LauncherError | None]) -> list[LauncherError]:
    """Raises Fenced: whoever has lost the lease changes nothing more."""
    failures = [outcome for outcome in outcomes.values() if outcome is not None]
    for failure in failures:
        if isinstance(failure, Fenced):
            raise failure
    return failures


def watch_gang(ground: Ground, plan: Plan, heartbeat: Heartbeat) -> Ending:
    """Follow an attempt that has been started to its end, then end what is left of it.

    Raises StartFailed when some member had never been started (a supervisor died while it started them),
    LostContact when a host does not come back, Fenced.
    """
    clocks = ground.course.clocks
    watcher = Watcher(ground.runtime, plan, ground.hosts, clocks)
    try:
        with ground.course.phase("watch", plan.binding.attempt):
            ending = _until_the_end(ground, plan, watcher, heartbeat)
        with ground.course.phase("stop", plan.binding.attempt):
            stop_all(ground, plan, watcher, _grace(plan, ending))
        if any(member.state is State.ABSENT for member in watcher.members.values()):
            raise StartFailed("not all ranks had been started; those that had are gone again")
        failure = _cause(ending, watcher)
        rivals = rivals_of(failure, watcher.members.values(), clocks) if failure is not None else ()
        return Ending(ending.code, ending.words, dict(watcher.members), failure, rivals)
    finally:
        watcher.close()


def end_gang(ground: Ground, plan: Plan) -> None:
    """End all members of an attempt, with the grace of a cancel. Raises LostContact, Fenced."""
    watcher = Watcher(ground.runtime, plan, ground.hosts, ground.course.clocks)
    try:
        with ground.course.phase("stop", plan.binding.attempt):
            stop_all(ground, plan, watcher, plan.policy.cancel_grace)
    finally:
        watcher.close()


def _until_the_end(ground: Ground, plan: Plan, watcher: Watcher, heartbeat: Heartbeat) -> Ending:
    limit = plan.policy.run_timeout
    deadline = math.inf if limit is None else time.monotonic() + limit - _elapsed(ground)
    patience = time.monotonic() + FIRST_WORDS
    while True:
        ground.course.tell(watcher.poll(TICK))
        heartbeat.check()
        heard = watcher.is_heard or time.monotonic() > patience
        if (ending := _decide(plan, watcher, heard=heard, cancelled=ground.is_cancelled)) is not None:
            return ending
        if heard and time.monotonic() > deadline:
            return Ending(ExitCode.JOB_FAILED, f"out of time: timeouts.run is {limit:g} s", watcher.members)
        for label, seconds in watcher.lost().items():
            if seconds > CONTACT_TIMEOUT:
                raise LostContact(
                    f"host {label}: no contact for {seconds:.0f} s; its ranks may still run",
                    hint=how_to_go_on(ground),
                )


def _elapsed(ground: Ground) -> float:
    """Seconds since the run's first rank started: under another supervisor, or in an earlier attempt."""
    seconds = on_all(
        ground.hosts.values(),
        lambda host: checked(host, script("elapsed"), ground.part(host).run_dir).out,
    )
    return max(map(float, seconds.values()))


def _decide(plan: Plan, watcher: Watcher, *, heard: bool, cancelled: bool) -> Ending | None:
    """How the attempt ends, or None while it goes on; the first cause wins, also if it is heard of late."""
    members = watcher.members
    failure = first_failure(members.values())
    over = all_over(members.values())
    if cancelled and failure is not None and _is_later(failure, members.values()):
        failure = None
    if failure is not None and (over or plan.policy.on_failure == "stop_all"):
        return Ending(ExitCode.JOB_FAILED, "failed", members, failure)
    if over and all(member.state is State.ENDED for member in members.values() if member.rank is not None):
        return Ending(ExitCode.OK, "all ranks ended with 0", members)
    if cancelled and (heard or over):
        return Ending(ExitCode.CANCELLED, "cancelled", members)
    if over or (heard and any(member.state is State.STOPPED for member in members.values())):
        return Ending(ExitCode.JOB_FAILED, "was being stopped when its supervisor died", members)
    return None


def _is_later(failure: MemberStatus, members: Iterable[MemberStatus]) -> bool:
    """Whether others had been stopped before it: a cancel had begun, and then a host lost power, say."""
    stopped = [each.ended for each in members if each.state is State.STOPPED and each.ended is not None]
    return failure.ended is not None and bool(stopped) and min(stopped) < failure.ended


def _cause(ending: Ending, watcher: Watcher) -> MemberStatus | None:
    """The earliest failure, now that every host has told its own; none where we ended the run ourselves."""
    return first_failure(watcher.members.values()) if ending.failure is not None else None


def _grace(plan: Plan, ending: Ending) -> float:
    if ending.code is ExitCode.CANCELLED:
        return plan.policy.cancel_grace
    return SCHEDULER_GRACE if ending.code is ExitCode.OK else plan.policy.stop_grace
