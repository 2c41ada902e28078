"""What this machine could give to hosts that lack it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds


def with_image_here(needs: Mapping[str, HostNeeds], known: Mapping[str, Facts]) -> Mapping[str, HostNeeds]:
    """The size of the image in this machine's engine, which is asked only where no host has it."""
    names = {each.image for each in needs.values() if each.image is not None and each.registry is None}
    engines = [facts.engine for facts in known.values() if facts.engine is not None]
    if not names or not engines or any(engine.image_architecture is not None for engine in engines):
        return needs
    from launcher.images.here import image_here

    found = {name: image_here(name) for name in names}
    sizes = {name: image.size for name, image in found.items() if image is not None}
    return {
        label: replace(each, image_here=sizes.get(each.image)) if each.image is not None else each
        for label, each in needs.items()
    }
