"""`logs`: what ranks wrote, from the hosts while they write it, from here once it has been collected."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_error, say
from launcher.cli.which import which_run
from launcher.errors import ExitCode, LauncherError, UsageError

if TYPE_CHECKING:
    import re

    from launcher.logs.tail import Line
    from launcher.logs.view import Account, View
    from launcher.plan.model import Plan
    from launcher.run.rundir import RunDir

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""Foreground colours of a terminal that say nothing: without red, white and black."""
_BATCH = 1000

Choice = Callable[["Plan"], Sequence[str]]
Show = Callable[["Plan", Iterable["Line"]], Iterable[str]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


def logs(
    host: options.HostNames,
    run: options.Run = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Until the run ends; Ctrl-C ends only the following.")
    ] = False,
    rank: options.Ranks = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="REGEX", help="Only lines that match.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            show_default=False,
            help="Only what was written in the last `10m`, or since `14:30` or `2026-01-31T14:30`. Ranks "
            "note every 5 s how long their log is: up to 5 s more may be shown, never less.",
        ),
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option("-n", "--lines", min=0, help="Only the last lines of each rank.", show_default=False),
    ] = None,
    merge: Annotated[
        str | None,
        typer.Option(
            "--merge",
            metavar="time|rank",
            show_default=False,
            help="rank (default): one log after the other. time: by the times at the beginning of lines, "
            "less the measured skew of their hosts' clocks; a line without one goes with the line above it.",
        ),
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="Default: the newest.", show_default=False)
    ] = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """Show what the ranks wrote, each line with its rank before it.

    With -f as it comes, over all attempts that follow. Lines end with a newline or a carriage return.
    """
    from launcher.logs.view import Account
    from launcher.plan.selection import choose

    view = _view(follow, grep, since, lines, merge, attempt)
    directory, account = which_run(run, cluster), Account()
    show = _as_json if json else _as_text
    try:
        if follow:
            _follow(directory, lambda plan: choose(plan, rank, host), view, account, show)
        else:
            _read(directory, attempt, lambda plan: choose(plan, rank, host), view, account, show)
    except KeyboardInterrupt:
        say("\nstopped; the job goes on")
        raise typer.Exit(int(ExitCode.DETACHED)) from None
    for note in account.notes():
        say(note)
    _say_what_is_lacking(directory, account, is_told=follow)


def _say_what_is_lacking(directory: RunDir, account: Account, *, is_told: bool) -> None:
    for error in account.errors:
        if not is_told:
            print_error(error)
    if account.errors:
        say(f"not all logs are shown; once all hosts answer: launcher logs {directory.run_id}")
        raise typer.Exit(int(ExitCode.LOST_CONTACT))


def _view(
    follow: bool,
    grep: str | None,
    since: str | None,
    lines: int | None,
    merge: str | None,
    attempt: int | None,
) -> View:
    from launcher.logs.view import View

    if merge not in (None, "rank", "time"):
        raise UsageError(f"--merge {merge}: expected time or rank")
    if follow and (merge or attempt):
        raise UsageError("-f shows lines as they come: without --merge and --attempt")
    return View(_pattern(grep), None if since is None else parse_since(since), lines, merge == "time")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    import re

    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise UsageError(f"--grep {text}: {error}") from error


def parse_since(text: str) -> str:
    """`ago:<seconds>` of a duration, or the seconds of the epoch of a local time. Raises UsageError."""
    from datetime import datetime

    from launcher.spec.scalars import parse_duration

    try:
        return f"ago:{parse_duration(text):.0f}"
    except ValueError:
        today = f"{datetime.now():%Y-%m-%d} " if "-" not in text else ""
    try:
        return f"{datetime.fromisoformat(today + text).timestamp():.0f}"
    except ValueError:
        raise UsageError(f"--since {text}: expected 90s, 10m, 2h, 14:30 or 2026-01-31T14:30") from None


def _follow(directory: RunDir, choose: Choice, view: View, account: Account, show: Show) -> None:
    from launcher.logs.follow import Follower

    for plan, lines in Follower(directory, choose, view, account, say).lines():
        _write(show(plan, lines))


def _read(
    directory: RunDir, attempt: int | None, choose: Choice, view: View, account: Account, show: Show
) -> None:
    from launcher.logs.sources import load_plan
    from launcher.logs.view import read

    attempts = directory.attempts()
    if not attempts:
        raise LauncherError(
            f"run {directory.run_id} has not started its ranks", hint=f"launcher status {directory.run_id}"
        )
    plan = load_plan(directory, attempts[-1] if attempt is None else attempt)
    if view.by_time:
        view = replace(view, skews=_skews(directory, plan))
    lines = read(directory, plan, choose(plan), view, account)
    while batch := list(islice(lines, _BATCH)):
        _write(show(plan, batch))


def _skews(directory: RunDir, plan: Plan) -> dict[str, float]:
    """How far the clocks of members were ahead, as the supervisor measured it."""
    from launcher.run.events import read_events
    from launcher.status.state import read_history

    clocks = read_history(read_events(directory.events)[0]).clocks
    known = {member.key: clocks[member.host] for member in plan.members if member.host in clocks}
    return {key: clock.skew for key, clock in known.items() if abs(clock.skew) > clock.error}


def _as_text(plan: Plan, lines: Iterable[Line]) -> Iterator[str]:
    colour_of = _colours(plan) if _is_coloured() else {}
    for key, line in lines:
        before, after = colour_of.get(key, ("", ""))
        yield f"{before}[{key}]{after} {line}\n"


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _colours(plan: Plan) -> dict[str, tuple[str, str]]:
    return {
        member.key: (f"\x1b[{_COLOURS[index % len(_COLOURS)]}m", "\x1b[0m")
        for index, member in enumerate(plan.members)
    }


def _as_json(plan: Plan, lines: Iterable[Line]) -> Iterator[str]:
    from json import dumps

    members = {member.key: member for member in plan.members}
    for key, line in lines:
        entry = {
            "attempt": int(plan.binding.attempt),
            "rank": members[key].rank,
            "member": key,
            "host": members[key].host,
            "line": line,
        }
        yield dumps(entry) + "\n"


def _write(lines: Iterable[str]) -> None:
    """Lines are data: they leave as UTF-8 whatever the locale says."""
    sys.stdout.buffer.write("".join(lines).encode("utf-8"))
    sys.stdout.buffer.flush()
