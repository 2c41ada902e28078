"""`check`: what hosts lack, before anything is started."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say
from launcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from launcher.check import Finding, HostNeeds

_STYLES = {"error": "bold red", "warning": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    set_: options.Set,
    job: Annotated[
        Path | None,
        typer.Argument(metavar="JOB", help="Job file; without one, what any job needs.", show_default=False),
    ] = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Compare data of hosts whole, and ping between all NPUs; may take long."),
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Print the remedies as a shell script; runs nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Look at every host for what a job needs. Exit code 3 when something is lacking."""
    if fix and json:
        raise UsageError("--fix and --json: each prints something else on stdout", hint="choose one")
    name, hosts, findings = (
        _of_cluster(cluster, set_, is_deep=deep) if job is None else _of_job(cluster, job, set_, is_deep=deep)
    )
    if fix:
        _print_fix(name, findings)
    elif json:
        found = [finding.to_json() for finding in findings]
        print_json({"schema": 1, "checked": name, "hosts": list(hosts), "findings": found})
    else:
        _print(name, hosts, findings)
    if any(finding.level.value == "error" for finding in findings):
        raise typer.Exit(ExitCode.CHECK_FAILED)


Examined = tuple[str, Sequence[str], "list[Finding]"]


def _of_cluster(file: Path, overrides: Sequence[str], *, is_deep: bool) -> Examined:
    from launcher.check import examine_at, in_depth, of_cluster
    from launcher.hosts import endpoints_of
    from launcher.spec.load import load_cluster

    cluster = load_cluster(file, overrides=overrides, environ=os.environ)
    if is_deep and not cluster.device.is_ascend:
        raise UsageError("--deep compares the data of a job, and without NPUs nothing else: name a job")
    endpoints = endpoints_of(cluster)
    needs = in_depth(of_cluster(cluster)) if is_deep else of_cluster(cluster)
    _announce(needs)
    return f"cluster {cluster.name}", tuple(endpoints), examine_at(needs, endpoints)


def _of_job(file: Path, job: Path, overrides: Sequence[str], *, is_deep: bool) -> Examined:
    from launcher.check import examine_at, examine_here, in_depth, of_job
    from launcher.hosts import endpoints_of
    from launcher.plan.build import plan
    from launcher.spec.load import load

    spec = load(file, job, overrides=overrides, environ=os.environ)
    draft = plan(spec)
    needs = in_depth(of_job(spec, draft)) if is_deep else of_job(spec, draft)
    _announce(needs)
    findings = [*examine_here(spec), *examine_at(needs, endpoints_of(spec.cluster))]
    return f"job {spec.job.name} on cluster {spec.cluster.name}", tuple(needs), findings


def _announce(needs: Mapping[str, HostNeeds]) -> None:
    """To a person who waits."""
    if sys.stderr.isatty():
        say(waiting_for(needs))


def waiting_for(needs: Mapping[str, HostNeeds]) -> str:
    """Who is asked, and what of it takes long."""
    return "; ".join([f"asking {_many(len(needs), 'host')}", *_slow_parts(needs.values())])


def _slow_parts(needs: Collection[HostNeeds]) -> Iterator[str]:
    if any(each.is_deep and each.compared for each in needs):
        yield "data are read whole"
    counts = [Counter(peer.device for peer in each.npus.peers) for each in needs if each.npus]
    if most := max((max(each.values(), default=0) for each in counts), default=0):
        yield f"each NPU pings {_many(most, 'other')}, some seconds each"


def _print_fix(name: str, findings: Sequence[Finding]) -> None:
    from launcher.check.fix import fix_script

    if findings:
        print(fix_script(name, findings), end="")
    say(f"{name}: {_verdict(findings)}")


def _print(name: str, hosts: Sequence[str], findings: Sequence[Finding]) -> None:
    from launcher.cli.tables import data, print_table, table

    shown = table("HOST", "CHECK", "LEVEL", "WHAT IS WRONG, AND WHAT TO DO")
    for finding in findings:
        level = data(finding.level.value, _STYLES[finding.level.value])
        words = data(finding.words).append("\n").append_text(data(f"remedy: {finding.remedy}", "dim"))
        shown.add_row(data(finding.host), data(finding.rule), level, words)
    if findings:
        print_table(shown)
        print()
    print(f"{name}, {_many(len(hosts), 'host')}: {_verdict(findings)}")


def _verdict(findings: Sequence[Finding]) -> str:
    errors = sum(finding.level.value == "error" for finding in findings)
    counts = [(errors, "error"), (len(findings) - errors, "warning")]
    return ", ".join(_many(count, what) for count, what in counts if count) or "all good"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
