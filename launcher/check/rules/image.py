"""The image of a job. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from launcher.check.facts import Facts
from launcher.check.model import Complaint, error
from launcher.check.needs import HostNeeds


def image(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It is there, and for this architecture."""
    engine = facts.engine
    if engine is None or engine.refusal or needs.image is None:
        return
    name = quote(needs.image)
    if engine.image_architecture is None:
        words = f"image {needs.image} is not there"
        yield error(words, f"from a host that has it: docker save {name} | ssh HOST docker load")
    elif engine.image_architecture != engine.architecture:
        words = f"image {needs.image} is for {engine.image_architecture}, the host is {engine.architecture}"
        yield error(words, "build it on such a host")
