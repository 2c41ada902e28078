"""`collect`, `clean`: what hosts hold of runs comes here, and goes from there."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_error, print_json, say
from launcher.cli.which import which_run
from launcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from launcher.upkeep.clean import Item, Kept, Sweep
    from launcher.upkeep.recollect import Collected


_NAMED = 5


class Layout(str, Enum):
    """What else collected logs are written as."""

    ASCEND_FD = "ascend-fd"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(collect)
    app.command()(clean)


def collect(
    run: options.Run = None,
    every_attempt: Annotated[
        bool, typer.Option("--all-attempts", help="Not only the newest attempt.")
    ] = False,
    layout: Annotated[
        Layout | None,
        typer.Option(
            "--layout",
            help="Afterwards also write the newest attempt as `ascend-fd parse -i DIR/worker-<n>` takes it.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Where --layout goes; default: ascend-fd/ of the run.",
            show_default=False,
        ),
    ] = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """Fetch the logs of a run from its hosts, while it runs or after; then its checkpoints, too.

    Only what is not here yet, by size and checksum; what was interrupted goes on from where it was.
    Exit code 3: not everything could be fetched.
    """
    from launcher.run.collect.ascend_fd import target_of
    from launcher.upkeep.recollect import recollect

    if to is not None and layout is None:
        raise UsageError("--to is for --layout", hint="launcher collect --layout ascend-fd --to DIR")
    directory = which_run(run, cluster)
    target = target_of(directory, to) if layout else None
    done = recollect(directory, every_attempt=every_attempt)
    for error in done.errors:
        print_error(error)
    _say_what_came(done)
    written = _write_layout(done, target) if target else None
    if json:
        print_json(done.to_json() | ({"layout": str(written)} if written else {}))
    else:
        print(written or done.directory.path)
    if done.gone:
        where = "its hosts" if not done.brought else f"host {', '.join(done.gone)}"
        say(f"nothing of it is on {where} any more; what was collected is here")
    if not done.is_over:
        say("the run has not ended: its logs may grow, its checkpoints are still on its hosts")
    if done.errors:
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _say_what_came(done: Collected) -> None:
    hosts = done.hosts()
    for host in hosts:
        _warn(f"host {host['host']}: left out", host["left_out"])
    count, size, received = (sum(host[key] for host in hosts) for key in ("files", "bytes", "received"))
    if count:
        fetched = sum(host["files"] > 0 for host in hosts)
        say(f"fetched {count} file(s), {_mib(size)}, {_mib(received)} compressed, from {fetched} host(s)")
    elif hosts:
        say(f"nothing new on {len(hosts)} host(s)")


def _warn(where: str, names: Sequence[str]) -> None:
    """Of many names the first few."""
    for name in names[:_NAMED]:
        say(f"warning: {where}: {name}")
    if len(names) > _NAMED:
        say(f"warning: {where}: {len(names) - _NAMED} more")


def _write_layout(done: Collected, target: Path) -> Path:
    from launcher.logs.sources import load_plan
    from launcher.run.collect.ascend_fd import write_layout

    written = write_layout(done.directory, load_plan(done.directory, done.attempts[-1]), target)
    for name, label in written.workers.items():
        say(f"{name} is host {label}")
    for note in written.notes:
        say(f"warning: {note}")
    return written.path


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def clean(
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    runs: Annotated[
        bool, typer.Option("--runs", help="Run directories here, too: logs, checkpoints, results.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Remove what your finished and collected runs have left on the hosts of a cluster.

    Also code that no run uses, locks of runs that are gone, and rests of interrupted actions. Shows it and
    asks first; with --json and without -y it only shows. Runs that live, that were not collected or that
    somebody else supervises stay.
    """
    import os

    from launcher.spec.load import load_cluster
    from launcher.upkeep import clean as cleaning

    loaded = load_cluster(cluster, environ=os.environ)
    sweep = cleaning.sweep(loaded, remove=False)
    items = [*sweep.items, *(cleaning.local_items(cleaning.local_runs(sweep)) if runs else ())]
    if not json:
        _show(items, sweep)
    before = sweep.kept
    removing = bool(items) and (yes or (not json and _asked()))
    if removing:
        sweep = cleaning.sweep(loaded, remove=True)
        items = [*sweep.items, *(cleaning.remove_local(cleaning.local_runs(sweep)) if runs else ())]
        say(f"removed: {len(items)} things, {_size(items)}")
        _say_kept(kept for kept in sweep.kept if kept not in before)
    if json:
        print_json({"schema": 1, "removed": removing, **sweep.to_json(items)})
    for error in sweep.errors:
        print_error(error)
    if sweep.errors:
        raise typer.Exit(int(sweep.errors[0].exit_code))


def _show(items: Sequence[Item], sweep: Sweep) -> None:
    from launcher.cli.tables import data, print_table, table

    shown = table("HOST", "WHAT", "NAME", "SIZE")
    for item in items:
        shown.add_row(data(item.host), data(item.what), data(item.name), data(f"{item.kib / 1024:.1f} MiB"))
    if items:
        print_table(shown)
    for (run, host), lost in groupby(sweep.lost, key=lambda loss: (loss.name, loss.host)):
        where = f"{run} on {host}: goes though no collect can fetch it, its name has a line break"
        _warn(where, [loss.path for loss in lost])
    _say_kept(sweep.kept)
    if not items:
        say("nothing to remove")


def _say_kept(several: Iterable[Kept]) -> None:
    for kept in several:
        say(f"kept: {kept.name} on {kept.host}: {kept.why}")


def _asked() -> bool:
    """Whether a person wants it. Raises UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: nobody is there to be asked", hint="launcher clean -y")
    return typer.confirm("Remove all of this?", err=True)


def _size(items: Iterable[Item]) -> str:
    return f"{sum(item.kib for item in items) / 1024:.1f} MiB"
