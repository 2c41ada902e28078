"""`run`, `attach`, `wait`, `cancel`: what starts, follows and ends runs."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say
from launcher.cli.which import which_run
from launcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from launcher.run.rundir import RunDir


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, attach, wait, cancel):
        app.command()(command)


Detach = Annotated[bool, typer.Option("-d", "--detach", help="Return once the supervisor has the run.")]


def run(
    job: options.JobFile,
    set_: options.Set,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    name: Annotated[
        str | None, typer.Option("-n", "--name", help="Name of the run instead of the job's.")
    ] = None,
    detach: Detach = False,
    json: options.Json = False,
) -> None:
    """Start a job and follow it. Ctrl-C stops following; the job goes on."""
    overrides = [*set_, *_as_override(name)]
    directory: RunDir | None = None
    try:
        from launcher.run.launch import create_run
        from launcher.run.standby import Standby
        from launcher.spec.load import load

        with Standby() as supervisor:
            spec = load(cluster, job, overrides=overrides, environ=os.environ)
            with _ctrl_c_held_back():
                directory = create_run(spec, overrides)
                say(f"run {directory.run_id}")
                supervisor.take(directory)
        from launcher.cli.follow import follow
    except KeyboardInterrupt:
        _say_what_goes_on(directory)
        raise typer.Exit(int(ExitCode.DETACHED)) from None
    if detach:
        print_json({"run": directory.run_id}) if json else print(directory.run_id)
        return
    raise typer.Exit(follow(directory, json=json))


def _as_override(name: str | None) -> list[str]:
    if name is None:
        return []
    from launcher.spec.scalars import NAME, PATTERNS
    from launcher.spec.wording import quoted

    if not re.fullmatch(NAME, name):
        raise UsageError(f"--name {quoted(name)}: expected {PATTERNS[f'^{NAME}$']}")
    return [f"name={name}"]


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """It acts afterwards: no run is left half made, without a supervisor."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _say_what_goes_on(directory: RunDir | None) -> None:
    if directory is None:
        say("\nnothing has been started")
    else:
        name = directory.run_id
        say(f"\ndetached: the job goes on. launcher attach {name} | launcher cancel {name}")


def attach(
    run: options.Run = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Even where another supervisor seems to live.")
    ] = False,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    detach: Detach = False,
    json: options.Json = False,
) -> None:
    """Follow a run; where nobody supervises it, take it over first."""
    from launcher.cli.follow import follow
    from launcher.run.standby import Standby
    from launcher.run.takeover import ensure_supervised

    with Standby() as supervisor:
        directory = which_run(run, cluster)
        ensure_supervised(directory, supervisor, force=take_over)
    if not detach:
        raise typer.Exit(follow(directory, json=json))


def wait(
    run: options.Run = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """Wait for the end of a run, without its output; the exit code is the run's.

    Where it was launched elsewhere, its hosts are asked every 2 s.
    """
    from launcher.cli.follow import follow
    from launcher.cli.waiting import is_elsewhere, wait_elsewhere

    directory = which_run(run, cluster)
    if not is_elsewhere(directory):
        raise typer.Exit(follow(directory, json=json, quiet=True))
    try:
        code = wait_elsewhere(directory, json=json)
    except KeyboardInterrupt:
        say("\nstopped; the job goes on")
        code = int(ExitCode.DETACHED)
    raise typer.Exit(code)


def cancel(
    run: options.Run = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """End a run on all its hosts: TERM, then KILL after its cancel_grace; logs are collected."""
    from launcher.cli.follow import follow
    from launcher.run.standby import Standby
    from launcher.run.takeover import request_cancel

    with Standby() as supervisor:
        directory = which_run(run, cluster)
        request_cancel(directory, supervisor)
    code = follow(directory, json=json, quiet=True)
    raise typer.Exit(0 if code == ExitCode.CANCELLED else code)
