"""One run in full: each of its members, and how far they are."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from launcher.errors import LauncherError
from launcher.hosts import Host, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.plan import store
from launcher.plan.model import Member, Plan
from launcher.remote import script
from launcher.run.gang import MemberStatus, State, planned
from launcher.run.rundir import RunDir
from launcher.run.watch import Watcher
from launcher.runtime import runtime_of
from launcher.status.state import RunState, Standing
from launcher.status.survey import Stored, read_stored, traces_of
from launcher.status.traces import ask

METRICS = "metrics.jsonl"
_PATIENCE = 10.0
_TICK = 0.1
Metrics = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A run as it is now."""

    stored: Stored
    state: RunState
    plan: Plan | None
    """Of the newest attempt; None where there has been none."""
    members: tuple[MemberStatus, ...]
    metrics: Metrics
    """By member, the last line of its metrics.jsonl; only those that have written one."""
    errors: tuple[str, ...]
    """What could not be learned, and why."""

    def to_json(self) -> dict[str, Any]:
        """As `launcher status --json` prints it."""
        stored, history = self.stored, self.stored.history
        members = [
            {**asdict(member), "state": member.state.value, "metrics": self.metrics.get(member.key)}
            for member in self.members
        ]
        return {
            "schema": 1,
            "run": stored.directory.run_id,
            **self.state.to_json(),
            "job": stored.about.get("job"),
            "cluster": stored.about.get("cluster"),
            "created": stored.about.get("created"),
            "ranks": stored.ranks,
            "phase": history.phase,
            "phase_since": history.phase_since,
            "attempt": history.attempt,
            "supervised": stored.supervised,
            "supervisor": history.supervisor,
            "plan": self.plan.digest if self.plan else None,
            "members": members,
            "errors": list(self.errors),
        }


def look_at(directory: RunDir) -> Detail:
    """Look at a run; hosts are asked for what is not known here. Raises UsageError for damaged files."""
    stored = read_stored(directory)
    answers = {} if stored.is_settled else ask(stored.places)
    state = stored.state() if stored.is_settled else stored.state(traces_of(stored, answers))
    errors = [str(answer) for answer in answers.values() if isinstance(answer, LauncherError)]
    plan = _plan(directory)
    members, metrics = tuple[MemberStatus, ...](), Metrics()
    if plan is not None and state.standing is Standing.ENDED and stored.is_settled:
        members, metrics = _as_told(plan, stored), _collected_metrics(directory, plan)
    elif plan is not None:
        mute = {place.endpoint.label for place, told in answers.items() if isinstance(told, LauncherError)}
        members, metrics, silent = _on_hosts(plan, stored, mute)
        errors += silent
    return Detail(
        stored=stored,
        state=state,
        plan=plan,
        members=members,
        metrics=metrics,
        errors=tuple(dict.fromkeys(errors)),
    )


def _plan(directory: RunDir) -> Plan | None:
    attempts = directory.attempts()
    if not attempts:
        return None
    path = directory.plan(attempts[-1])
    return store.from_json(path.read_bytes(), str(path))


def _as_told(plan: Plan, stored: Stored) -> tuple[MemberStatus, ...]:
    """Members as the events of this attempt have them."""
    members = planned(plan.members)
    if plan.binding.attempt == str(stored.history.attempt):
        members |= {key: each for key, each in stored.history.members.items() if key in members}
    return tuple(members.values())


def _on_hosts(
    plan: Plan, stored: Stored, mute: Collection[str]
) -> tuple[tuple[MemberStatus, ...], Metrics, list[str]]:
    """Members, metrics, and what hosts could not be asked; those that have just not answered are not."""
    endpoints = stored.directory.endpoints()
    asked = [part.label for part in plan.hosts if part.label not in mute]
    hosts = {label: connect(endpoints[label]) for label in asked}
    try:
        members = _as_told(plan, stored) if stored.supervised else _as_seen(plan, hosts)
        metrics, silent = _live_metrics(plan, hosts)
    finally:
        for host in hosts.values():
            host.close()
    return members, metrics, silent


def _as_seen(plan: Plan, hosts: Mapping[str, Host]) -> tuple[MemberStatus, ...]:
    """Members as their hosts show them in one look; unknown where a host does not answer."""
    reached = tuple(part for part in plan.hosts if part.label in hosts)
    watcher = Watcher(runtime_of(plan.runtime), replace(plan, hosts=reached), hosts)
    keys = [key for part in reached for key in part.members]
    try:
        deadline = time.monotonic() + _PATIENCE
        while any(watcher.members[key].state is State.PLANNED for key in keys):
            if time.monotonic() > deadline:
                break
            watcher.poll(_TICK)
    finally:
        watcher.close()
    return tuple(_unknown_unless_seen(member) for member in watcher.members.values())


def _unknown_unless_seen(member: MemberStatus) -> MemberStatus:
    return replace(member, state=State.UNKNOWN) if member.state is State.PLANNED else member


def _live_metrics(plan: Plan, hosts: Mapping[str, Host]) -> tuple[Metrics, list[str]]:
    outcomes = try_on_all(hosts.values(), lambda host: _last_look(host, plan))
    metrics, errors = Metrics(), []
    for outcome in outcomes.values():
        if isinstance(outcome, LauncherError):
            errors.append(str(outcome))
        else:
            metrics |= outcome
    return metrics, errors


def _last_look(host: Host, plan: Plan) -> Metrics:
    try:
        return _metrics_on(host, plan)
    finally:
        host.close()


def _metrics_on(host: Host, plan: Plan) -> Metrics:
    ranks = _ranks(plan.members_of(plan.host(host.label)))
    done = checked(host, script("last_lines"), *(f"{rank.log_dir}/{METRICS}" for rank in ranks))
    return _parse_metrics(ranks, done.out.split("\n")[:-1])


def _collected_metrics(directory: RunDir, plan: Plan) -> Metrics:
    ranks = _ranks(plan.members)
    paths = [directory.log(plan.binding.attempt, rank.key) / METRICS for rank in ranks]
    return _parse_metrics(ranks, [_last_line(path) for path in paths])


def _ranks(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if member.rank is not None]


def _parse_metrics(ranks: Sequence[Member], lines: Sequence[str]) -> Metrics:
    """What jobs write is theirs: a line that is no JSON object, or only half of one, is no metric."""
    metrics = Metrics()
    for rank, line in zip(ranks, lines, strict=True):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            metrics[rank.key] = value
    return metrics


def _last_line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").rstrip("\n").rpartition("\n")[2]
    except FileNotFoundError:
        return ""
