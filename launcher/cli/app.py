"""All commands and their groups."""

from __future__ import annotations

from typing import Annotated

import typer

import launcher
from launcher.cli import (
    check,
    collect,
    discover,
    image,
    init,
    inside,
    inspect,
    logs,
    plan,
    rank_table,
    run,
    schema,
    smoke,
)

app = typer.Typer(
    name="launcher",
    help="Start distributed training jobs as containers, one per NPU, on hosts reachable over SSH.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,  # `launcher completion` does it
    rich_markup_mode=None,  # rich takes longer to import than all else together
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"launcher {launcher.__version__}")
        raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of all commands; `main` looks for --debug itself."""


init.register(app)
discover.register(app)
run.register(app)
check.register(app)
smoke.register(app)
inspect.register(app)
logs.register(app)
inside.register(app)
collect.register(app)
plan.register(app)
image.register(app)
rank_table.register(app)
schema.register(app)
