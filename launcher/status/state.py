"""What state a run is in. Pure: events and what hosts say in, a state out.

Events tell what a supervisor saw. They are the truth while it lives and once it has written the end; in
between, when it is gone, only the hosts know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from launcher.claims.lease import Lease
from launcher.errors import ExitCode
from launcher.hosts.clock import Clock, parse_clocks
from launcher.run.events import PHASES, Event
from launcher.run.gang import MemberStatus, State

START_SECONDS = 30.0
"""A run without an event may for so long still be waiting for its supervisor to show itself."""
_BEFORE_RANKS = ("", *PHASES[: PHASES.index("watch")])


class Standing(str, Enum):
    """What a run is doing."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    ALONE = "no supervisor"
    """Neither ended nor watched; its ranks may run."""
    UNKNOWN = "unknown"
    """Nobody watches it here, and a host of it does not answer."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A run as its host shows it; what runs.sh prints."""

    run: str
    lease: Lease
    exit_code: int | None
    """None while it has not been finished."""
    attempt: int
    living: int
    """Ranks and schedulers that run."""


@dataclass(frozen=True, slots=True)
class End:
    """The end that a supervisor wrote."""

    exit_code: int
    outcome: str
    time: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the events of a run come to. Times are seconds since the epoch, by this machine's clock."""

    began: float | None = None
    phase: str = ""
    phase_since: float | None = None
    attempt: int = 0
    supervisor: str = ""
    members: Mapping[str, MemberStatus] = field(default_factory=dict)
    """Of the last attempt, those that an event has spoken of."""
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    """Of hosts, by label, as last measured."""
    end: End | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's standing, and why, in words."""

    standing: Standing
    words: str
    exit_code: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"state": self.standing.value, "words": self.words, "exit_code": self.exit_code}


def read_history(events: Iterable[Event]) -> History:
    """Fold events, oldest first; those of later launchers that this one does not know are passed over."""
    history, members = History(), dict[str, MemberStatus]()
    for event in events:
        attempt = history.attempt
        history = _after(history, event)
        if history.attempt != attempt:
            members = {}
        if event.get("event") == "member" and "key" in event:
            members[str(event["key"])] = _member(event)
    return replace(history, members=members)


def _after(history: History, event: Event) -> History:
    time = event.get("time")
    history = history if history.began is not None else replace(history, began=time)
    kind = event.get("event")
    if kind == "supervisor":
        return replace(history, supervisor=str(event.get("owner", "")), end=None)
    if kind == "phase":
        attempt = int(event.get("attempt") or history.attempt)
        return replace(history, phase=str(event.get("phase", "")), phase_since=time, attempt=attempt)
    if kind == "clocks":
        return replace(history, clocks={**history.clocks, **parse_clocks(event.get("hosts", {}))})
    if kind == "end":
        end = End(int(event.get("exit_code", ExitCode.LOST_CONTACT)), str(event.get("outcome", "")), time)
        return replace(history, end=end)
    return history


def _member(event: Event) -> MemberStatus:
    key = str(event["key"])
    known = {state.value: state for state in State}
    return MemberStatus(
        key=key,
        host=str(event.get("host", "")),
        rank=int(key) if key.isdigit() else None,
        device=event.get("device"),
        state=known.get(str(event.get("state")), State.UNKNOWN),
        pid=event.get("pid"),
        exit_code=event.get("exit_code"),
        ended=event.get("ended"),
        reason=str(event.get("reason", "")),
    )


def is_settled(history: History, *, supervised: bool, result: Mapping[str, Any] | None) -> bool:
    """Whether what is stored here says it all, so that no host need be asked."""
    return supervised or _end_of(history, result) is not None


def judge(
    history: History,
    *,
    supervised: bool,
    age: float,
    result: Mapping[str, Any] | None = None,
    traces: Sequence[Trace] | None = None,
) -> RunState:
    """The state of a run.

    `supervised`: a supervisor lives on this machine; `age`: seconds since the run was made; `result`: what
    result.json holds; `traces`: what each of its hosts shows, None where one did not answer.
    """
    if (end := _end_of(history, result)) is not None:
        return RunState(Standing.ENDED, _first_line(end.outcome), end.exit_code)
    if supervised:
        return _supervised(history)
    if history.began is None and age < START_SECONDS:
        return RunState(Standing.STARTING, "its supervisor has not said anything yet")
    if traces is None:
        return RunState(Standing.UNKNOWN, "no supervisor here, and a host of it does not answer")
    return judge_traces(traces)


def judge_traces(traces: Sequence[Trace]) -> RunState:
    """The state of a run as its hosts alone show it."""
    codes = [trace.exit_code for trace in traces if trace.exit_code is not None]
    living = sum(trace.living for trace in traces)
    newest = max(traces, key=lambda trace: trace.lease.epoch, default=None)
    owner = newest.lease.owner.partition(" ")[0] if newest else ""
    if codes and len(codes) == len(traces):
        return RunState(Standing.ENDED, f"its supervisor was {owner}" if owner else "", max(codes))
    if newest is not None and newest.lease.is_fresh:
        return RunState(Standing.RUNNING, f"supervised elsewhere, by {owner}")
    still = {0: "nothing of it runs", 1: "1 rank still runs"}.get(living, f"{living} ranks still run")
    return RunState(Standing.ALONE, still)


def _supervised(history: History) -> RunState:
    if history.phase in _BEFORE_RANKS:
        return RunState(Standing.STARTING, history.phase or "its supervisor has just started")
    doing = [] if history.phase == "watch" else [history.phase]
    again = [f"attempt {history.attempt}"] if history.attempt > 1 else []
    return RunState(Standing.RUNNING, ", ".join(doing + again))


def _end_of(history: History, result: Mapping[str, Any] | None) -> End | None:
    """The end that is final; a supervisor that lost contact gave up, but its ranks may run."""
    end = history.end
    if end is None and result is not None:
        end = End(int(result["exit_code"]), str(result.get("outcome", "")), None)
    return None if end is None or end.exit_code == ExitCode.LOST_CONTACT else end


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")
