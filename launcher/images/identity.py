"""What makes two images the same: architecture, layers, configuration. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Image:
    """An image of an engine, as a host tells of it. Size in bytes."""

    id: str
    """What the engine calls it; engines of other kinds call the same image otherwise."""
    architecture: str
    layers: tuple[str, ...]
    """SHA-256 of each, uncompressed, the lowest first."""
    configuration: str
    """SHA-256 of what containers of it start with."""
    size: int

    @property
    def identity(self) -> str:
        """Equal for the same image in engines of any kind; short enough to be read."""
        words = "\n".join((self.architecture, self.configuration, *self.layers))
        return hashlib.sha256(words.encode()).hexdigest()[:_SHOWN]


def image_of(inspected: Mapping[str, Any]) -> Image:
    """What `docker image inspect` says. Fields that one engine leaves empty another leaves out."""
    config = {name: value for name, value in (inspected.get("Config") or {}).items() if value}
    for transient in ("Image", "Hostname"):  # of the container that the last step was built in
        config.pop(transient, None)
    text = json.dumps(config, sort_keys=True)
    return Image(
        id=str(inspected.get("Id", "")),
        architecture=str(inspected["Architecture"]),
        layers=tuple((inspected.get("RootFS") or {}).get("Layers") or ()),
        configuration=hashlib.sha256(text.encode()).hexdigest(),
        size=int(inspected.get("Size") or 0),
    )


def layers_there(wanted: Sequence[str], others: Iterable[Sequence[str]]) -> int:
    """How many of the lowest layers of an image other images have: engines know a layer by all below it."""
    return max((_common(wanted, each) for each in others), default=0)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))


def files_left_out(manifest: str, there: int) -> list[str]:
    """Layer files of a saved image that its lowest layers alone need, by its manifest.json.

    Raises ValueError for what is none.
    """
    (entry,) = json.loads(manifest)
    layers = list(entry["Layers"])
    return [name for name in dict.fromkeys(layers[:there]) if name not in layers[there:]]
