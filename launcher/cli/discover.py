"""`discover`: a cluster file and its hosts compared, and the file brought up to date."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.discover_text import show, to_json
from launcher.cli.output import print_error, print_json, say
from launcher.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from launcher.discover.draft import Draft
    from launcher.discover.network import Choice, Network
    from launcher.discover.survey import Survey

NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="CIDR",
        help="Network on which hosts reach each other, where they share several.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(discover)


def discover(
    host: options.HostNames,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    write: Annotated[
        bool, typer.Option("-y", "--yes", "--write", help="Write the changes without asking.")
    ] = False,
    network: NetworkOption = None,
    json: options.Json = False,
) -> None:
    """Ask all hosts what a cluster file says of them, and show what differs as a diff.

    Exit code 3 when a host failed or something could not be found out, 2 when nobody could be asked.
    """
    from launcher.discover.draft import read_draft
    from launcher.discover.gather import gather
    from launcher.discover.survey import survey

    within = parse_network(network)
    draft = read_draft(str(cluster), os.environ)
    outcomes = gather(draft, _labels(draft, host))
    can_ask = is_terminal() and not write and not json
    found = survey(
        draft, outcomes, os.environ, within=within, ask=ask_network if can_ask else lambda choice: None
    )
    if not json:
        show(found)
    written = bool(found.changes) and (write or (can_ask and _is_wanted(cluster)))
    if written:
        replace_file(cluster, draft.text, found.text)
        say(f"{cluster} is written")
    if json:
        print_json(to_json(found, written=written))
    is_refused = bool(found.changes) and not written and not can_ask
    if is_refused:
        say(f"{cluster} is not written: nobody can be asked here; --yes writes it")
    leave(found)
    if is_refused:
        raise typer.Exit(ExitCode.USAGE)


def parse_network(text: str | None) -> Network | None:
    """Raises UsageError."""
    from ipaddress import ip_network

    try:
        return None if text is None else ip_network(text)
    except ValueError as error:
        raise UsageError(f"--network: {error}", hint="write it as 192.168.0.0/24") from None


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_network(choice: Choice) -> Network | None:
    """The network that a person chooses."""
    one = next(iter(choice.open.values()))
    names = [next(each.name for each in one if each.at.network == network) for network in choice.networks]
    shown = [f"{network}  ({name})" for network, name in zip(choice.networks, names, strict=True)]
    return choice.networks[pick("hosts share several networks: on which do they reach each other?", shown)]


def pick(question: str, choices: Sequence[str]) -> int:
    """Position of what a person chooses; asked until it is one of them."""
    say(question)
    for number, choice in enumerate(choices, 1):
        say(f"  {number}  {choice}")
    while True:
        answer: str = typer.prompt("number", err=True)
        if answer.isdecimal() and 1 <= int(answer) <= len(choices):
            return int(answer) - 1


def _labels(draft: Draft, wanted: Sequence[str]) -> frozenset[str]:
    """Raises UsageError for a host that the file does not have."""
    known = [host.label for host in draft.cluster.hosts]
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"--host {name}: no such host in {draft.path}", hint=f"hosts: {', '.join(known)}"
            )
    return frozenset(wanted or known)


def _is_wanted(cluster: Path) -> bool:
    return typer.confirm(f"write this into {cluster}?", err=True)


def replace_file(path: Path, old: str, new: str) -> None:
    """Write a file that nobody has changed meanwhile, by rename. Raises UsageError."""
    from launcher.files import write_atomically

    real = path.resolve()
    try:
        if real.read_bytes().decode("utf-8-sig") != old:
            raise UsageError(f"{path} was changed meanwhile, and is left as it is", hint="run discover again")
        write_atomically(real, new, mode=real.stat().st_mode & 0o777)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def leave(found: Survey) -> None:
    """Say what is odd and what has failed; exit code 3 where the file is not all that it could be."""
    for warning in found.warnings:
        say(f"warning: {warning}")
    for problem in found.problems:
        say(f"error: {problem}")
    for failure in found.failures.values():
        print_error(failure)
    if not found.is_whole:
        raise typer.Exit(ExitCode.CHECK_FAILED)
