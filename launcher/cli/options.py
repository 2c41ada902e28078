"""Options that several commands share, each with one spelling everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CLUSTER = Path("rank_tables/local.yaml")

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="Job file.", show_default=False)]
ClusterFile = Annotated[
    Path, typer.Option("-c", "--cluster", metavar="FILE", help="Cluster file.", envvar="LAUNCHER_CLUSTER")
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="A.B=V",
        help="Replace a value of the job file, or cluster.a.b=v.",
        default_factory=list,
        show_default=False,
    ),
]
Run = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]", help="Run id or a unique prefix; default: the last run.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ranks = Annotated[
    str | None,
    typer.Option("--rank", metavar="0,3-5", help="Only these ranks; `scheduler` too.", show_default=False),
]
HostNames = Annotated[
    list[str],
    typer.Option(
        "--host", metavar="NAME", help="Only these hosts.", default_factory=list, show_default=False
    ),
]
