"""`collect`, `clean`: what hosts hold of runs comes here, and goes from there."""

from __future__ import annotations

from typing import Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_error, print_json, say
from launcher.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(collect)


def collect(
    run: options.Run = None,
    every_attempt: Annotated[
        bool, typer.Option("--all-attempts", help="Not only the newest attempt.")
    ] = False,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """Fetch the logs of a run from its hosts, while it runs or after; then its checkpoints, too.

    Exit code 3: not everything could be fetched.
    """
    from launcher.run.recollect import recollect
    from launcher.run.takeover import resolve

    done = recollect(resolve(run, cluster), every_attempt=every_attempt)
    for error in done.errors:
        print_error(error)
    if json:
        print_json(done.to_json())
    else:
        print(done.directory.path)
    if not done.is_over:
        say("the run has not ended: its logs may grow, its checkpoints are still on its hosts")
    if done.errors:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))
