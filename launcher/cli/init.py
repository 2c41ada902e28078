"""`init`: a cluster file from addresses."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from launcher.cli import options
from launcher.cli.discover import (
    NetworkOption,
    ask_network,
    is_terminal,
    leave,
    parse_network,
    pick,
)
from launcher.cli.discover_text import print_hosts, to_json
from launcher.cli.output import print_json, say
from launcher.errors import LauncherError, UsageError

if TYPE_CHECKING:
    from launcher.discover.facts import Facts
    from launcher.discover.skeleton import Login
    from launcher.spec.cluster import DeviceKind, RuntimeKind


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


Addresses = Annotated[
    list[str],
    typer.Argument(
        metavar="[ADDRESS]...",
        help="Hosts: node1, node[01-16], user@host:port; localhost is this machine.",
        default_factory=list,
        show_default=False,
    ),
]
Title = Annotated[
    str | None,
    typer.Option("-n", "--name", help="Name of the cluster; default: that of the file.", show_default=False),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="KIND", help="Device kind, where the chips do not say it.", show_default=False
    ),
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Private key for SSH.", show_default=False)
]
KnownHosts = Annotated[
    Path | None, typer.Option("--known-hosts", metavar="FILE", help="Known host keys.", show_default=False)
]
Gateway = Annotated[
    str | None,
    typer.Option("--gateway", metavar="[USER@]HOST[:PORT]", help="Jump host.", show_default=False),
]


def init(
    address: Addresses,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    name: Title = None,
    device: Kind = None,
    network: NetworkOption = None,
    key: Key = None,
    known_hosts: KnownHosts = None,
    gateway: Gateway = None,
    sudo: Annotated[bool, typer.Option("--sudo", help="Docker is called through sudo.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Ask nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Make a cluster file from a list of addresses; what the hosts know is asked of them.

    Exit code 3 when a host failed or something could not be found out: the file has the rest.
    """
    from launcher.discover.draft import draft_of
    from launcher.discover.skeleton import name_of, skeleton
    from launcher.discover.survey import survey

    within = parse_network(network)
    wanted = _parse_kind(device)
    can_ask = is_terminal() and not yes and not json
    refuse_if_there(cluster)
    hosts = _hosts(address, can_ask=can_ask)
    ssh = _ssh(key, known_hosts, gateway, sudo=sudo)
    title = name or name_of(cluster.stem)
    outcomes = _gather(skeleton(title, hosts, ssh), cluster)
    facts = [each for each in outcomes.values() if not isinstance(each, LauncherError)]
    kind = wanted or _kind(facts, can_ask=can_ask)
    text = skeleton(title, hosts, ssh, device=kind, runtime=_runtime(hosts, kind, facts))
    draft = draft_of(text, str(cluster), os.environ)
    found = survey(
        draft, outcomes, os.environ, within=within, ask=ask_network if can_ask else lambda choice: None
    )
    create(cluster, found.text)
    if json:
        print_json({**to_json(found, written=True), "text": found.text})
    else:
        print_hosts(found)
        print(f"\n{found.text}", end="", flush=True)
    say(f"{cluster} is written; next: launcher check -c {cluster}")
    leave(found)


def refuse_if_there(path: Path) -> None:
    """Raises UsageError."""
    if os.path.lexists(path):
        raise UsageError(
            f"{path} is there already",
            hint=f"launcher discover -c {path} brings it up to date; -c FILE names another",
        )


def _hosts(words: Sequence[str], *, can_ask: bool) -> list[Login]:
    """Raises UsageError."""
    from launcher.discover.skeleton import logins

    if not words and can_ask:
        words = typer.prompt("hosts (node1 node[01-16] user@host:port, or localhost)", err=True).split()
    if not words:
        raise UsageError("no address given", hint="launcher init node1 node2, or: launcher init localhost")
    return [login for word in words for login in logins(word)]


def _ssh(key: Path | None, known_hosts: Path | None, gateway: str | None, *, sudo: bool) -> dict[str, Any]:
    given = {
        "key": str(key.absolute()) if key else None,
        "known_hosts": str(known_hosts.absolute()) if known_hosts else None,
        "gateway": gateway,
        "sudo": sudo or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _gather(text: str, cluster: Path) -> Mapping[str, Facts | LauncherError]:
    """Raises the gravest error where no host has answered."""
    from launcher.discover.draft import draft_of
    from launcher.discover.gather import gather
    from launcher.errors import CheckFailed

    draft = draft_of(text, str(cluster), os.environ)
    outcomes = gather(draft, frozenset(host.label for host in draft.cluster.hosts))
    failures = [each for each in outcomes.values() if isinstance(each, LauncherError)]
    if len(failures) == len(outcomes):
        words = "\n".join(f"{each}\n  next: {each.hint}" if each.hint else str(each) for each in failures)
        raise CheckFailed(f"no host has answered, and nothing has been written\n{words}")
    return outcomes


def _parse_kind(text: str | None) -> DeviceKind | None:
    """Raises UsageError."""
    from launcher.spec.cluster import DeviceKind

    try:
        return None if text is None else DeviceKind(text)
    except ValueError:
        kinds = ", ".join(kind.value for kind in DeviceKind)
        raise UsageError(f"--device: {text!r} is no device kind", hint=f"one of {kinds}") from None


def _kind(facts: Sequence[Facts], *, can_ask: bool) -> DeviceKind:
    """Raises UsageError where it is not known and nobody can be asked."""
    from launcher.discover.kind import common_kind
    from launcher.spec.cluster import DeviceKind

    if (kind := common_kind(each.chips for each in facts)) is not None:
        return kind
    if not any(each.nodes for each in facts):
        return DeviceKind.CPU
    names = ", ".join(sorted({chip.name for each in facts for chip in each.chips})) or "no names"
    if not can_ask:
        raise UsageError(f"the device kind is not known: npu-smi says {names}", hint="say it by --device")
    kinds = [kind for kind in DeviceKind if kind.is_ascend]
    question = f"npu-smi says {names}: of which kind are these devices?"
    return kinds[pick(question, [kind.value for kind in kinds])]


def _runtime(hosts: Sequence[Login], kind: DeviceKind, facts: Sequence[Facts]) -> RuntimeKind:
    """Processes on this machine alone, and on CPU hosts that lack Docker; else containers."""
    from launcher.discover.skeleton import is_this_machine_alone
    from launcher.spec.cluster import RuntimeKind

    lacks_docker = not kind.is_ascend and not all(each.docker for each in facts)
    return RuntimeKind.PROCESS if is_this_machine_alone(hosts) or lacks_docker else RuntimeKind.DOCKER


def create(path: Path, text: str) -> None:
    """Write a new file; one that has come meanwhile is left alone. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        refuse_if_there(path)
        raise
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
