"""What is known of each member of the gang while it runs. Pure: lines of hosts in, states out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from launcher.hosts.clock import Clock
from launcher.plan.model import Member


class State(str, Enum):
    """State of one member."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"
    """By itself, with an exit code."""
    STOPPED = "stopped"
    """By the launcher; never the cause of a failure."""
    GONE = "gone"
    """Without an exit code: killed from outside, or its host restarted."""
    ABSENT = "absent"
    """Never started."""
    UNKNOWN = "unknown"
    """Contact with its host is lost."""

    @property
    def is_over(self) -> bool:
        """Whether the member will not change any more."""
        return self in (State.ENDED, State.STOPPED, State.GONE, State.ABSENT)


KILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """One member. `ended` is seconds since the epoch by the clock of its host."""

    key: str
    host: str
    rank: int | None
    device: int | None
    state: State = State.PLANNED
    pid: int | None = None
    exit_code: int | None = None
    ended: float | None = None
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended by itself and badly."""
        lost = self.state in (State.GONE, State.ABSENT)
        return lost or (self.state is State.ENDED and self.exit_code != 0)


def planned(members: Iterable[Member]) -> dict[str, MemberStatus]:
    """All members before the start, in order."""
    return {
        member.key: MemberStatus(key=member.key, host=member.host, rank=member.rank, device=member.device)
        for member in members
    }


def read_line(line: str, known: Mapping[str, MemberStatus]) -> MemberStatus | None:
    """The member that a line of the watch script speaks of, as it is now; None for a beat.

    Raises ValueError for a line that no script of ours writes.
    """
    kind, _, rest = line.rstrip().partition(" ")
    if kind == "beat":
        return None
    key, *fields = rest.split(" ", 5)
    try:
        return _changed(known[key], kind, fields)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(f"not a line of the watch script: {line!r}") from error


def _changed(member: MemberStatus, kind: str, fields: list[str]) -> MemberStatus:
    """Raises ValueError, IndexError, KeyError for what no script of ours writes."""
    if kind == "running":
        return replace(member, state=State.RUNNING, pid=int(fields[0]))
    if kind == "absent":
        return replace(member, state=State.ABSENT, reason="it was never started")
    if kind == "end":
        code, time, how = fields[:3]
        state = State.STOPPED if how == "stopped" and len(fields) < 4 else State.ENDED
        reason = " ".join(fields[3:])
        return replace(member, state=state, exit_code=int(code), ended=float(time), reason=reason)
    if kind == "gone":
        return _gone(member, *fields)
    raise ValueError(kind)


def _gone(
    member: MemberStatus, time: str, how: str, why: str, code: str = str(KILLED), said: str = ""
) -> MemberStatus:
    """One that left no exit code of its own; `code` is Docker's, of a container that it still has."""
    exit_code, state = int(code), State.GONE
    reason = said or _WHY[why]
    if why == "vanished" and exit_code != KILLED and not said:
        reason = _UNWRITTEN
    if why == "vanished" and exit_code == 0:
        state = State.ENDED
    if how == "stopped":
        state, reason = State.STOPPED, ""
    return replace(member, state=state, exit_code=exit_code, ended=float(time), reason=reason)


_UNWRITTEN = "its exit code is Docker's, as it could not write it: is a disk of its host full?"


_WHY = {
    "vanished": "killed before it could write an exit code (SIGKILL, or out of memory)",
    "rebooted": "its host was restarted",
    "memory": "out of memory: the kernel killed it",
    "removed": "its container was removed by somebody else",
}


def first_failure(members: Iterable[MemberStatus]) -> MemberStatus | None:
    """The earliest of those that failed by themselves; the scheduler only if no rank did."""
    failed = [member for member in members if member.failed]
    return min(failed, key=lambda member: (member.rank is None, member.ended or 0.0), default=None)


def rivals_of(
    first: MemberStatus, members: Iterable[MemberStatus], clocks: Mapping[str, Clock]
) -> tuple[MemberStatus, ...]:
    """Failures on other hosts so close to the first that the clocks of the two cannot tell the order."""

    def is_close(other: MemberStatus) -> bool:
        if other.host == first.host or first.ended is None or other.ended is None:
            return False
        blur = sum(clocks[host].error for host in (first.host, other.host) if host in clocks)
        return other.ended - first.ended <= blur

    return tuple(other for other in members if other.failed and is_close(other))


def all_over(members: Iterable[MemberStatus]) -> bool:
    """Whether no rank will change any more; the scheduler may still linger."""
    return all(member.state.is_over for member in members if member.rank is not None)
