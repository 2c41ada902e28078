"""`smoke`: an all-reduce over all ranks, a minute before a job of hours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from launcher.cli import options
from launcher.cli.output import say
from launcher.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(smoke)


def smoke(
    set_: options.Set,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    ranks: Annotated[
        str | None, typer.Option("--ranks", metavar="N|all", help="How many ranks; default: all devices.")
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="NAME", help="Image that has MindSpore.")
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option("--sizes", metavar="8,64KiB,1MiB", help="Sizes of the sums.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Add up numbers over all ranks, through all that a job goes through: is it right, and how fast?

    Check, locks, image, devices, rank table and collecting are those of `run`. Names the slowest pair.
    Exit code 1: ranks did not meet, or a sum was wrong. `launcher attach RUN` prints the same again.
    """
    from launcher.cli.follow import follow_events
    from launcher.cli.smoke_outcome import print_outcome, print_outcome_as_json
    from launcher.run.launch import create_run
    from launcher.run.standby import Standby
    from launcher.smoke.job import smoke_spec

    overrides = [*set_, *_overrides(ranks, image, sizes)]
    with Standby() as supervisor:
        directory = create_run(smoke_spec(cluster, overrides, os.environ), overrides)
        say(f"run {directory.run_id}")
        supervisor.take(directory)
    code = follow_events(directory)
    if code == ExitCode.DETACHED:
        raise typer.Exit(code)
    print_outcome_as_json(directory, code) if json else print_outcome(directory, code)
    raise typer.Exit(code)


def _overrides(ranks: str | None, image: str | None, sizes: str | None) -> Iterator[str]:
    from launcher.smoke.job import sizes_override

    if ranks is not None:
        yield f"ranks={ranks}"
    if image is not None:
        yield f"image={image}"
    if sizes is not None:
        yield sizes_override(sizes)
