"""`schema` and `completion`: what editors and shells ask for."""

from __future__ import annotations

import os
from enum import Enum
from typing import Annotated

import typer

from launcher.cli.output import print_json


class File(str, Enum):
    """The files that people write."""

    cluster = "cluster"
    job = "job"


class Shell(str, Enum):
    """The shells that can complete commands."""

    bash = "bash"
    fish = "fish"
    zsh = "zsh"


_ASKING = "_LAUNCHER_COMPLETE"
"""Set by the script of `completion`: the shell asks what can come next."""


def register(app: typer.Typer) -> None:
    """Add the commands, and typer's answers to the shell where it asks."""
    app.command()(schema)
    app.command()(completion)
    if _ASKING in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()


def schema(
    which: Annotated[File, typer.Argument(help="Which file's schema.", show_default=False)],
) -> None:
    """Print the JSON Schema of the cluster or the job file, for editors."""
    from launcher.spec.schema import json_schema

    print_json(json_schema("cluster" if which is File.cluster else "job"))


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell that will read it.", show_default=False)],
) -> None:
    """Print a script that completes commands: source it from the shell's start-up file."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name="launcher", complete_var=_ASKING, shell=shell.value))
