"""`plan`: what a run would do, without doing any of it."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import say

if TYPE_CHECKING:
    from launcher.plan.model import Plan


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


def plan(
    job: options.JobFile,
    set_: options.Set,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write it as files.", show_default=False),
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(
            "--script",
            metavar="RANK",
            help="Print the script of a rank, of the `scheduler` or of a host.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show everything that `run` would do, host by host; needs no host, no network and no NPU."""
    gc.disable()  # a plan is one large tree without cycles: to look for garbage in it would cost a third more
    from launcher.plan.build import plan_and_json
    from launcher.spec.load import load

    made, text = plan_and_json(load(cluster, job, overrides=set_, environ=os.environ))
    if output is not None:
        _write(made, output)
    if script is not None:
        sys.stdout.write(_script(made, script))
    elif json:
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.write(b"\n")
    elif output is None:
        from launcher.cli.plan_text import describe

        print("\n".join(describe(made)))


def _write(plan: Plan, directory: Path) -> None:
    """Raises UsageError where that cannot be done."""
    from launcher.errors import UsageError
    from launcher.plan.store import write_files

    try:
        count = write_files(plan, directory)
    except OSError as error:
        raise UsageError(f"{error.filename or directory}: {error.strerror}") from error
    say(f"{count} files in {directory}")


def _script(plan: Plan, name: str) -> str:
    """Raises UsageError for a name that is neither a rank nor a host."""
    from launcher.errors import UsageError
    from launcher.plan.layout import host_script

    scripts = dict(text for host in plan.hosts for text in host.files)
    wanted = {member.key: member.script for member in plan.members}
    wanted |= {host.label: host_script(host.label) for host in plan.hosts if host.label not in wanted}
    if name not in wanted:
        hosts = ", ".join(host.label for host in plan.hosts[:3])
        raise UsageError(
            f"no rank and no host {name!r} in this plan",
            hint=f"ranks are 0 to {plan.ranks - 1}; hosts are {hosts}{', …' if len(plan.hosts) > 3 else ''}",
        )
    return scripts[wanted[name]]
