"""Runs as people read them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from launcher.cli.tables import data, print_table, table
from launcher.run.gang import MemberStatus, State
from launcher.status.state import RunState, Standing

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from launcher.run.events import Event
    from launcher.status.detail import Detail
    from launcher.status.survey import Overview

_STYLES = {
    Standing.STARTING: "green",
    Standing.RUNNING: "green",
    Standing.ENDED: "",
    Standing.ALONE: "yellow",
    Standing.UNKNOWN: "yellow",
}
_MEMBER_STYLES = {State.RUNNING: "green", State.GONE: "red", State.UNKNOWN: "yellow"}


def print_overviews(overviews: Sequence[Overview]) -> None:
    """The table of `list`."""
    shown = table("RUN", "AGE", "RANKS", "JOB", "STATE")
    for run in overviews:
        state = _state(run.state)
        state.no_wrap, state.overflow = True, "ellipsis"
        shown.add_row(data(run.run), data(ago(run.created)), data(run.ranks), data(run.job), state)
    print_table(shown)


def status_view(detail: Detail) -> RenderableType:
    """What `status` shows."""
    from rich.console import Group

    parts = [_facts(_status_facts(detail)), *([_members(detail)] if detail.members else [])]
    return Group(*_apart(parts))


def live_view(detail: Detail) -> RenderableType:
    """The same with what could not be learned, for a screen that is drawn again and again."""
    from rich.console import Group

    return Group(status_view(detail), *(data(f"error: {error}", "yellow") for error in detail.errors))


def description(detail: Detail, events: Sequence[Event]) -> RenderableType:
    """What `describe` shows."""
    from rich.console import Group

    parts = [_facts((*_status_facts(detail), *_origin_facts(detail)))]
    if detail.members:
        parts.append(_members(detail))
    parts += [_events(events)] if events else []
    parts += [_facts(_result_facts(detail.stored.result))] if detail.stored.result else []
    return Group(*_apart(parts))


def next_commands(detail: Detail) -> Iterator[str]:
    """What one may want to do with a run in this state."""
    run, standing = detail.stored.directory.run_id, detail.state.standing
    if standing is Standing.ENDED:
        if detail.plan is not None:
            yield f"launcher logs {run}"
        yield f"launcher describe {run}"
    elif standing in (Standing.ALONE, Standing.UNKNOWN):
        yield f"launcher attach {run}"
        yield f"launcher cancel {run}"
    else:
        yield f"launcher logs -f {run}"
        yield f"launcher status -w {run}"
        yield f"launcher cancel {run}"


def ago(moment: float | None) -> str:
    """How long ago, in one unit; nothing where it is not known."""
    if moment is None:
        return ""
    seconds = max(0.0, time.time() - moment)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _state(state: RunState) -> Any:
    style = "red" if state.exit_code else _STYLES[state.standing]
    code = "" if state.exit_code is None else f" with {state.exit_code}"
    return data(f"{state.standing.value}{code}", style).append_text(
        data(f": {state.words}" if state.words else "")
    )


def _apart(parts: Sequence[RenderableType]) -> Iterator[RenderableType]:
    for number, part in enumerate(parts):
        if number:
            yield ""
        yield part


def _facts(facts: Sequence[tuple[str, Any]]) -> Table:
    """Names and values; those without a value are left out."""
    shown = table("", "")
    shown.show_header = False
    for name, value in facts:
        if value not in ("", None):
            shown.add_row(data(name, "bold"), value if hasattr(value, "append_text") else data(value))
    return shown


def _status_facts(detail: Detail) -> tuple[tuple[str, Any], ...]:
    stored = detail.stored
    history = stored.history
    ranks = "" if stored.ranks is None else f", ranks: {stored.ranks}"
    since = f" for {ago(history.phase_since)}" if stored.supervised and history.phase else ""
    return (
        ("run", stored.directory.run_id),
        ("state", _state(detail.state).append(since)),
        ("job", f"{stored.about.get('job')} on {stored.about.get('cluster')}{ranks}"),
        ("attempt", history.attempt or ""),
        ("supervisor", _supervisor(detail)),
    )


def _supervisor(detail: Detail) -> str:
    if detail.state.standing is Standing.ENDED:
        return ""
    if detail.stored.supervised:
        who, _, more = detail.stored.history.supervisor.partition(" ")
        return f"alive: {who} pid {more.split()[0]}" if more else "alive"
    return "none on this machine"


def _members(detail: Detail) -> Table:
    names = ("step", "loss", "samples_per_second")
    measured = [name for name in names if any(name in metrics for metrics in detail.metrics.values())]
    reasons = any(member.reason for member in detail.members)
    headers = [name.replace("samples_per_second", "samples/s").upper() for name in measured]
    shown = table("RANK", "HOST", "DEVICE", "STATE", "CODE", *headers, *(["WHY"] if reasons else []))
    for member in detail.members:
        metrics = detail.metrics.get(member.key, {})
        numbers = [data(_number(metrics.get(name))) for name in measured]
        style = "red" if member.failed else _MEMBER_STYLES.get(member.state, "")
        cells = [data(member.key), data(member.host), data(member.device), data(member.state.value, style)]
        shown.add_row(*cells, data(_code(member)), *numbers, *([data(member.reason)] if reasons else []))
    return shown


def _code(member: MemberStatus) -> Any:
    return None if member.exit_code is None else member.exit_code


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else "" if value is None else str(value)


def _origin_facts(detail: Detail) -> tuple[tuple[str, Any], ...]:
    about, directory = detail.stored.about, detail.stored.directory
    created = about.get("created")
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created)) if created else ""
    plan = detail.plan
    return (
        ("started", f"{when} by {str(about.get('owner', '')).partition(' ')[0]}"),
        ("command", _command(detail)),
        ("launcher", about.get("launcher")),
        ("hosts", ", ".join(f"{part.label} ({len(part.members)})" for part in plan.hosts) if plan else ""),
        ("plan", f"{directory.plan(plan.binding.attempt)}" if plan else ""),
        ("digest", plan.digest if plan else ""),
        ("inputs", directory.inputs),
        ("events", directory.events),
        ("logs", directory.path / "LOG<rank>" / "log.txt" if plan else ""),
    )


def _command(detail: Detail) -> str:
    """What starts the same again."""
    spec, overrides = detail.stored.spec, detail.stored.about.get("set", ())
    words = ["launcher", "run", spec.get("job_file", "JOB"), "-c", spec.get("cluster_file", "CLUSTER")]
    return " ".join(quote(word) for word in (*words, *(w for text in overrides for w in ("--set", text))))


def _events(events: Sequence[Event]) -> Table:
    """Events in words, with seconds since the first."""
    from launcher.cli.narrator import Narrator

    shown, narrator = table("SECONDS", "EVENT"), Narrator()
    for event in events:
        for text in narrator.texts(event):
            shown.add_row(data(f"{event['time'] - events[0]['time']:.1f}"), data(text))
    return shown


def _result_facts(result: Mapping[str, Any]) -> list[tuple[str, Any]]:
    attempts = result.get("attempts", [])
    seconds = result.get("seconds", {})
    return [
        ("outcome", f"{_first_line(str(result.get('outcome')))} (exit code {result.get('exit_code')})"),
        *((f"attempt {attempt.get('number')}", _attempt(attempt)) for attempt in attempts),
        (
            "metrics",
            ", ".join(f"{name} {_number(value)}" for name, value in result.get("metrics", {}).items()),
        ),
        ("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())),
        (
            "collected",
            "" if result.get("collected", True) else f"not everything: launcher collect {result.get('run')}",
        ),
    ]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _attempt(attempt: Mapping[str, Any]) -> str:
    failure = attempt.get("failure")
    if not failure:
        return "no failure"
    code = "" if failure.get("exit_code") is None else f", exit code {failure['exit_code']}"
    why = f": {failure['reason']}" if failure.get("reason") else ""
    return f"first failure: {failure.get('key')} on {failure.get('host')} {failure.get('state')}{code}{why}"
