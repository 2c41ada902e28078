"""`list`, `status`, `describe`: runs as they are now. They change nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say
from launcher.cli.which import which_run
from launcher.errors import ExitCode

if TYPE_CHECKING:
    from launcher.run.rundir import RunDir
    from launcher.status.detail import Detail
    from launcher.status.traces import Place

_SHOWN = 20
_REFRESH = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_)
    app.command()(status)
    app.command()(describe)


def list_(
    all_: Annotated[
        bool, typer.Option("-a", "--all", help=f"More than the last {_SHOWN} and those not ended.")
    ] = False,
    cluster: Annotated[
        Path | None,
        typer.Option(
            "-c", "--cluster", metavar="FILE", help="Ask its hosts for runs, too.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Runs of this directory; with -c also those that the hosts of a cluster know."""
    from launcher.cli.run_text import print_overviews
    from launcher.run.rundir import all_runs
    from launcher.status.state import Standing
    from launcher.status.survey import survey

    overviews, errors = survey(all_runs(), _places(cluster) if cluster else ())
    newest = overviews[-_SHOWN:]
    shown = [run for run in overviews if all_ or run in newest or run.state.standing is not Standing.ENDED]
    if json:
        runs = [run.to_json() for run in shown]
        print_json({"schema": 1, "runs": runs, "errors": [str(error) for error in errors]})
    else:
        print_overviews(shown)
        if len(shown) < len(overviews):
            say(f"{len(overviews) - len(shown)} older runs have ended: launcher list -a")
    for error in errors:
        say(f"error: {error}")
    if errors:
        raise typer.Exit(errors[0].exit_code)


def _places(cluster_file: Path) -> Iterator[Place]:
    import os

    from launcher.hosts import endpoint_of
    from launcher.spec.load import load_cluster
    from launcher.status.traces import Place

    cluster = load_cluster(cluster_file, environ=os.environ)
    return (Place(endpoint_of(cluster, host), host.work_dir or cluster.work_dir) for host in cluster.hosts)


def status(
    run: options.Run = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on until nothing of it runs.")] = False,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """What a run is doing now: phase, supervisor, each rank and how far it is. Exit code 5: not known."""
    from launcher.status.detail import look_at
    from launcher.status.state import Standing

    directory = which_run(run, cluster)
    detail = _watch(directory, json=json) if watch else look_at(directory)
    if not watch:
        _print_status(detail, json=json)
    _suggest(detail, "status")
    if detail.state.standing is Standing.UNKNOWN:
        raise typer.Exit(ExitCode.LOST_CONTACT)


def _print_status(detail: Detail, *, json: bool) -> None:
    from launcher.cli.run_text import status_view
    from launcher.cli.tables import print_table

    if json:
        print_json(detail.to_json())
    else:
        print_table(status_view(detail))
        _say_errors(detail)


def _say_errors(detail: Detail) -> None:
    for error in detail.errors:
        say(f"error: {error}")


def _watch(directory: RunDir, *, json: bool) -> Detail:
    """Show a run until it has ended; anew in place on a terminal, else whenever something has changed."""
    try:
        if sys.stdout.isatty() and not json:
            return _watch_in_place(directory)
        shown = None
        for detail in _looks(directory):
            if detail.to_json() != shown:
                _print_status(detail, json=json)
            shown = detail.to_json()
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.DETACHED) from None
    return detail


def _watch_in_place(directory: RunDir) -> Detail:
    from rich.live import Live

    from launcher.cli.run_text import live_view
    from launcher.cli.tables import console

    with Live(console=console(), auto_refresh=False) as screen:
        for detail in _looks(directory):
            screen.update(live_view(detail), refresh=True)
    return detail


def _looks(directory: RunDir) -> Iterator[Detail]:
    """Until nothing of the run moves any more."""
    from launcher.status.detail import look_at
    from launcher.status.state import Standing

    while True:
        detail = look_at(directory)
        yield detail
        is_dead = detail.state.standing is Standing.ALONE and all(m.state.is_over for m in detail.members)
        if is_dead or detail.state.standing is Standing.ENDED:
            return
        time.sleep(_REFRESH)


def describe(
    run: options.Run = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """All there is to know of a run: who, what, where, events, result, files."""
    from launcher.cli.run_text import description
    from launcher.cli.tables import print_table
    from launcher.run.events import read_events
    from launcher.status.detail import look_at

    directory = which_run(run, cluster)
    detail = look_at(directory)
    events, _ = read_events(directory.events)
    if json:
        stored = detail.stored
        more = {"about": stored.about, "result": stored.result, "events": events}
        print_json({**detail.to_json(), **more})
    else:
        print_table(description(detail, events))
        _say_errors(detail)
    _suggest(detail, "describe")


def _suggest(detail: Detail, just_now: str) -> None:
    """The next useful commands, for people."""
    if not sys.stdout.isatty():
        return
    from launcher.cli.run_text import next_commands

    commands = [each for each in next_commands(detail) if not each.startswith(f"launcher {just_now} ")]
    if commands:
        say("next: " + " | ".join(commands))
