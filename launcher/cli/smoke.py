"""`smoke`: an all-reduce over all ranks, a minute before a job of hours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say
from launcher.errors import ExitCode

if TYPE_CHECKING:
    from launcher.run.rundir import RunDir
    from launcher.smoke.report import Report


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
    Exit code 1: ranks did not meet, or a sum was wrong.
    """
    from launcher.cli.follow import follow_events
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
    raise typer.Exit(_tell(directory, code, json=json))


def _overrides(ranks: str | None, image: str | None, sizes: str | None) -> Iterator[str]:
    from launcher.smoke.job import sizes_override

    if ranks is not None:
        yield f"ranks={ranks}"
    if image is not None:
        yield f"image={image}"
    if sizes is not None:
        yield sizes_override(sizes)


def _tell(directory: RunDir, code: int, *, json: bool) -> int:
    """Print what was found; the exit code."""
    from launcher.cli.smoke_text import failure_lines, print_report
    from launcher.cli.summary import print_result

    report = _report(directory)
    if json:
        found = {"schema": 1} if report is None else report.to_json()
        print_json({**found, "run": directory.run_id, "exit_code": code})
        return code
    if report is not None and report.sizes:
        print_report(report)
    if code != ExitCode.OK and directory.result.exists():
        print_result(directory)
        for line in failure_lines(report) if report is not None else ():
            print(line)
    return code


def _report(directory: RunDir) -> Report | None:
    """None where no rank has begun."""
    from launcher.logs.sources import load_plan
    from launcher.smoke.findings import read_findings
    from launcher.smoke.report import report

    if not directory.attempts():
        return None
    plan = load_plan(directory, directory.attempts()[-1])
    hosts = {member.rank: member.host for member in plan.members if member.rank is not None}
    return report(read_findings(directory, plan), hosts)
