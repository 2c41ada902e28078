"""`rank-table`: render, check and convert HCCL's rank tables, offline."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say
from launcher.errors import ExitCode, Problem, SpecError, UsageError

if TYPE_CHECKING:
    from launcher.rank_table import Chip, RankTableError


class ChipName(str, Enum):
    """The families that have a rank table; as in a cluster file."""

    ascend910 = "ascend910"
    ascend910b = "ascend910b"
    ascend910_93 = "ascend910_93"


TableFile = Annotated[Path, typer.Argument(metavar="FILE", help="A rank table.", show_default=False)]
ChipOption = Annotated[
    ChipName | None,
    typer.Option("--chip", help="Apply the rules of this family too.", show_default=False),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write it here.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Render, check and convert rank tables, offline.", no_args_is_help=True)
    for command in (render, check, convert):
        group.command()(command)
    app.add_typer(group, name="rank-table")


def render(
    set_: options.Set,
    job: Annotated[
        Path | None,
        typer.Argument(metavar="[JOB]", help="Its ranks alone; default: every device.", show_default=False),
    ] = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    output: Output = None,
) -> None:
    """Print the rank table of a cluster, or of a job on it."""
    _give(_table_of_cluster(cluster, set_) if job is None else _table_of_job(cluster, job, set_), output)


def check(file: TableFile, chip: ChipOption = None, json: options.Json = False) -> None:
    """Apply every rule of HCCL that needs no hardware. Exit code 2 where a table cannot be used."""
    from dataclasses import asdict

    from launcher.rank_table import check as find

    findings = find(_read(file), chip=_chip(chip), source=str(file))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print("\n".join(map(str, findings)) if findings else f"{file}: nothing is wrong")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.USAGE)


def convert(
    file: TableFile,
    address: Annotated[
        list[str],
        typer.Option(
            "--address", metavar="NODE=IP", help="What to write for a server_id.", default_factory=list
        ),
    ],
    chip: ChipOption = None,
    output: Output = None,
) -> None:
    """Convert a table of the legacy form (group_list, as ModelArts mounts it) to version 1.0."""
    from launcher.rank_table import RankTableError, convert_group_list
    from launcher.rank_table import render as as_text

    try:
        table = convert_group_list(
            _read(file), source=str(file), chip=_chip(chip), addresses=_addresses(address) or None
        )
    except RankTableError as error:
        raise _listed(error) from error
    _give(as_text(table), output)


def _table_of_cluster(file: Path, overrides: Sequence[str]) -> str:
    from launcher.plan.rank_tables import rank_table_of_all
    from launcher.rank_table import RankTableError
    from launcher.spec.load import load_cluster

    cluster = load_cluster(file, overrides=overrides, environ=os.environ)
    if not cluster.device.is_ascend:
        raise _no_table(f"the device of cluster {cluster.name} is cpu")
    try:
        return rank_table_of_all(cluster)
    except RankTableError as error:
        raise _listed(error) from error


def _table_of_job(file: Path, job: Path, overrides: Sequence[str]) -> str:
    from launcher.plan.build import plan
    from launcher.spec.load import load

    made = plan(load(file, job, overrides=overrides, environ=os.environ))
    if made.rank_table is None:
        raise _no_table(f"ranks of job {made.job} on cluster {made.cluster} meet by `launch: {made.launch}`")
    return made.rank_table


def _no_table(reason: str) -> UsageError:
    return UsageError(f"no rank table: {reason}", hint="name a cluster with NPUs: -c FILE")


def _listed(error: RankTableError) -> SpecError:
    return SpecError([Problem(str(finding)) for finding in error.findings])


def _addresses(texts: Sequence[str]) -> Mapping[str, str]:
    pairs = [text.partition("=") for text in texts]
    if wrong := [
        text for text, (name, _, address) in zip(texts, pairs, strict=True) if not (name and address)
    ]:
        raise UsageError(f"--address {wrong[0]!r}: expected NODE=IP")
    return {name: address for name, _, address in pairs}


def _chip(name: ChipName | None) -> Chip | None:
    from launcher.rank_table import Chip

    return None if name is None else Chip(name.value)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 text: {error.reason} at byte {error.start}") from error


def _give(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    from launcher.files import write_atomically

    try:
        write_atomically(output, text)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
    say(f"written: {output}")
