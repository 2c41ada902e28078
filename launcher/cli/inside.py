"""`exec` and `shell`: commands and people in containers."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.which import which_run
from launcher.errors import LostContact, UsageError

if TYPE_CHECKING:
    from launcher.hosts import Host
    from launcher.plan.model import Member, Plan


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("exec")(exec_)
    app.command()(shell)


def exec_(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run, or the start of its name.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run.")],
    rank: Annotated[str, typer.Option("--rank", help="A rank, or scheduler.")] = "0",
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
) -> None:
    """Run a command in the container of a live rank, with this terminal; the exit code is the command's."""
    from launcher.hosts import connect
    from launcher.logs.sources import load_plan
    from launcher.remote import script

    directory = which_run(run, cluster)
    attempts = directory.attempts()
    if not attempts:
        raise UsageError(
            f"run {directory.run_id} has not started its ranks", hint=f"launcher status {directory.run_id}"
        )
    plan = load_plan(directory, attempts[-1])
    member = _member(plan, rank)
    host = connect(directory.endpoints()[member.host])
    terminal, sudo = _is_terminal(), plan.host(member.host).sudo_word
    try:
        words = ("yes" if terminal else "no", sudo, _container(host, sudo, plan, member.key), *command)
        code = host.attend(script("exec"), *words, terminal=terminal)
    finally:
        host.close()
    raise typer.Exit(code)


def _container(host: Host, sudo: str, plan: Plan, key: str) -> str:
    """The id of a member's container. Raises UsageError where none runs, LostContact: Docker is silent."""
    from launcher.plan.model import SCHEDULER
    from launcher.remote import script

    run, attempt = plan.binding.run_id, plan.binding.attempt
    done = host.run(script("container"), sudo, run, attempt, key)
    if done.code:
        docker = "sudo docker" if sudo else "docker"
        raise LostContact(f"host {host.label}: Docker does not answer", hint=f"on that host: {docker} info")
    if not done.out.strip():
        what = key if key == SCHEDULER else f"rank {key}"
        raise UsageError(f"host {host.label}: no container of {what} runs", hint=f"launcher status {run}")
    return done.out.strip()


def _member(plan: Plan, rank: str) -> Member:
    from launcher.plan.selection import choose

    chosen = choose(plan, rank)
    if len(chosen) != 1:
        raise UsageError(f"--rank {rank}: one rank, please")
    (member,) = (member for member in plan.members if member.key == chosen[0])
    if member.container is None:
        raise UsageError(
            f"the ranks of run {plan.binding.run_id} are processes of {member.host}, not containers",
            hint=f"launcher status {plan.binding.run_id}",
        )
    return member


def shell(
    job: options.JobFile,
    set_: options.Set,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    host: Annotated[
        str | None, typer.Option("--host", help="Default: the job's first host.", show_default=False)
    ] = None,
) -> None:
    """Open a shell in a job's container on one host, with one device and all its volumes.

    The device is locked meanwhile; nothing stays when the shell ends.
    """
    from launcher.run.shell import open_shell
    from launcher.spec.load import load

    spec = load(cluster, job, overrides=set_, environ=os.environ)
    raise typer.Exit(open_shell(spec, host, terminal=_is_terminal()))


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
