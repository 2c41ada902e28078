"""Volumes of a host, and the Python of its ranks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds, Source
from launcher.check.model import Complaint, Fix, error
from launcher.check.packages import lacking


def volumes(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Each is there, and may be read or written as the job wants."""
    for source, place in zip(needs.sources, facts.sources, strict=True):
        if wrong := _wrong_volume(source, place.state):
            words, remedy, fix = wrong
            yield error(f"volume {source.volume}: {source.path} {words}", remedy, fix)


def _wrong_volume(source: Source, state: str) -> tuple[str, str, Fix | None] | None:
    path = quote(source.path)
    make = Fix((("mkdir", "-p", source.path),))
    if state in ("missing", "unmakeable") and not source.may_be_made:
        by_hand = f"mkdir -p {path}, or " if source.writable else ""
        remedy = f"{by_hand}name what is: --set volumes.{source.volume}.source=…"
        return "is not there", remedy, make if source.writable else None
    if state == "unmakeable":
        return "is not there, and ranks may not make it", f"mkdir -p {path}, as someone who may", make
    if state == "unreadable":
        return "may not be read", f"give the user of the ranks access: ls -ld {path}", None
    if state == "read-only" and source.writable:
        return "may not be written", f"give the user of the ranks access: ls -ld {path}", None
    return None


def packages(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """What ranks import, where they are processes."""
    if facts.python is not None:
        for words, command in lacking(needs.packages, facts.python):
            yield error(words, command)
    elif needs.packages:
        remedy = "name the directory of a Python with the job's packages: path in the cluster file"
        yield error(facts.no_python, remedy)
