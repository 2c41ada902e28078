"""What a host says of itself. Pure: lines of the check script in, facts out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from launcher.claims.locks import Holder


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that ranks would use."""

    executable: str
    environment: Mapping[str, str]
    """What environment markers (PEP 508) are evaluated with."""
    versions: Mapping[str, str | None]
    """By distribution; None where it is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Docker on a host; with a `refusal`, nothing else of it is known."""

    refusal: str = ""
    hint: str | None = None
    architecture: str = ""
    image_architecture: str | None = None
    """None where the image is not there."""
    runtimes: tuple[str, ...] = ()
    taken: tuple[tuple[str, str], ...] = ()
    """Device node and name of each running container that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One host. Sizes in bytes; `…_refusal`, `no_python`, `no_port` are its words, empty if all is well."""

    work_dir: str
    work_dir_refusal: str
    file_system: str
    disk: int
    """Free below the work directory; 0 where the host cannot tell."""
    cores: int
    memory: int
    """The least of what the machine and the cgroups of this process still give."""
    setsid: str
    shm_refusal: str
    sources: tuple[str, ...]
    """Of each volume: missing, unmakeable, unreadable, read-only or writable."""
    lacking: tuple[str, ...]
    """Of the paths asked for, those that are not there."""
    python: Python | None
    no_python: str
    engine: Engine | None = None
    """None where ranks are processes."""
    no_port: str = ""
    holders: tuple[Holder, ...] = ()


def parse_facts(text: str) -> Facts:
    """The output of check.sh. Raises KeyError, ValueError for what it never writes."""
    lines = [line.split(" ", 1) for line in text.split("\n") if line]
    one = {name: words.strip() for name, words in lines}
    return Facts(
        work_dir=one["work_dir"],
        work_dir_refusal=one["refusal"],
        file_system=one["file_system"],
        disk=int(one["disk"] or 0),
        cores=int(one["cores"]),
        memory=max(0, min(int(words) for name, words in lines if name == "memory")),
        setsid=one["setsid"],
        shm_refusal=one.get("shm", ""),
        sources=tuple(words.strip() for name, words in lines if name == "source"),
        lacking=tuple(words.strip() for name, words in lines if name == "lacking"),
        python=_python(one["python"]) if "python" in one else None,
        no_python=one.get("no_python", ""),
    )


def _python(text: str) -> Python:
    told = json.loads(text[text.index('{"executable"') :])  # a site may greet first
    return Python(told["executable"], told["environment"], told["versions"])
