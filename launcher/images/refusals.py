"""Images that are not delivered, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from launcher.errors import CheckFailed
from launcher.images.identity import Image
from launcher.images.stock import Stock


def nowhere(image: str, hosts: int) -> CheckFailed:
    """Nobody has it."""
    where = "the host has it, nor" if hosts == 1 else "none of the hosts has it, nor"
    return CheckFailed(
        f"image {image} is nowhere: {where} the engine of this machine",
        hint=f"make it: launcher image build --tag {quote(image)}, or docker pull it on one of the hosts",
    )


def differing(name: str, found: Mapping[str, Image]) -> CheckFailed:
    """Hosts have different images under one name."""
    listed = "; ".join(
        f"{label} has {image.identity} ({image.architecture})" for label, image in found.items()
    )
    return CheckFailed(
        f"image {name} is not the same on all hosts: {listed}",
        hint=f"give all of them that of one host: launcher image push {quote(name)} --from HOST",
    )


def require_architecture(name: str, image: Image, stocks: Mapping[str, Stock]) -> None:
    """Raises CheckFailed, naming every host that it is not for."""
    other = [
        f"host {label}: image {name} is for {image.architecture}, the host is {stock.architecture}"
        for label, stock in stocks.items()
        if stock.architecture != image.architecture
    ]
    if other:
        raise CheckFailed("\n".join(other), hint="build it on such a host: launcher image build --on HOST")
