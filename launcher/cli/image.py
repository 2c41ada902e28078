"""`image`: built, listed, brought to all hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launcher.cli import options
from launcher.cli.output import print_json, say

if TYPE_CHECKING:
    from launcher.images.fleet import Fleet

image = typer.Typer(
    help="Build images, list them, bring them to all hosts.", no_args_is_help=True, rich_markup_mode=None
)

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="Name and tag.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(image, name="image")


@image.command("list")
def list_(
    set_: options.Set,
    hosts: options.HostNames,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    json: options.Json = False,
) -> None:
    """Images of every host. Equal identity: same architecture, layers and configuration."""
    from launcher.cli.tables import data, print_table, table
    from launcher.images.stock import list_images
    from launcher.spec.wording import in_units

    with _fleet(cluster, set_, hosts) as fleet:
        found = fleet.on_all(lambda host: list_images(host, sudo=fleet.sites[host.label].sudo))
    rows = [(label, name, each) for label, images in found.items() for name, each in images.items()]
    if json:
        listed = [
            {
                "host": label,
                "image": name,
                "identity": each.identity,
                "id": each.id,
                "architecture": each.architecture,
                "size": each.size,
            }
            for label, name, each in rows
        ]
        print_json({"schema": 1, "images": listed})
        return
    shown = table("HOST", "IMAGE", "IDENTITY", "ARCHITECTURE", "SIZE")
    for label, name, each in rows:
        shown.add_row(*map(data, (label, name, each.identity, each.architecture, in_units(each.size))))
    print_table(shown)


@image.command()
def push(
    name: Image,
    set_: options.Set,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="HOST|local",
            help="Whose image is meant, where hosts have different ones.",
            show_default=False,
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            metavar="HOST[:PORT][/PATH]",
            help="To this registry instead, from the first host that has it.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Bring an image to all hosts of a cluster: from its registry where it has one, else host to host."""
    from launcher.spec.scalars import with_tag

    name = with_tag(name)
    with _fleet(cluster, set_, []) as fleet:
        if registry is not None:
            host = fleet.push_to(registry, name, origin, say)
            say(f"{name}: pushed to {registry} by {host}")
            given: tuple[str, ...] = ()
        else:
            given = fleet.deliver(name, origin, say)
            say(f"{name}: now also on {', '.join(given)}" if given else f"{name}: is on all hosts")
    if json:
        print_json({"schema": 1, "image": name, "registry": registry, "sent_to": list(given)})


@image.command()
def build(
    set_: options.Set,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[ascend|cpu|DIR]",
            help="What to build; default: what the cluster's device is for.",
            show_default=False,
        ),
    ] = None,
    cluster: options.ClusterFile = options.DEFAULT_CLUSTER,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="local|HOST", help="Where; default: the first host.", show_default=False
        ),
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option("-t", "--tag", metavar="NAME", help="Name of the image.", show_default=False),
    ] = None,
    build_arg: Annotated[
        list[str] | None,
        typer.Option(
            "--build-arg", metavar="NAME[=VALUE]", help="Argument of the Dockerfile; may be repeated."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Build an image on a host of the cluster: servers are often aarch64 where a desk is not."""
    from launcher.images.build import arguments, build_image, context_of
    from launcher.spec.scalars import with_tag

    with _fleet(cluster, set_, []) as fleet:
        context = context_of(what, fleet.cluster.device.is_ascend)
        name, given = with_tag(tag or context.tag), arguments(build_arg or [], os.environ)
        made = build_image(fleet, context, on, name, given, say)
    if json:
        print_json({"schema": 1, **made.to_json()})
    else:
        print(f"{made.tag} on {made.host}: {made.image.identity}, {made.image.architecture}")


def _fleet(
    file: Path, overrides: list[str], only: list[str], environ: Mapping[str, str] = os.environ
) -> Fleet:
    from launcher.images.fleet import Fleet
    from launcher.spec.load import load_cluster

    return Fleet(load_cluster(file, overrides=overrides, environ=environ), only)
