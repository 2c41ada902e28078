"""The image of a job. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from launcher.check.facts import Engine, Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, error, warning
from launcher.check.rules.fleet import Complaints, Examined
from launcher.equal import minority
from launcher.spec.wording import in_units, some


def image(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It is for this architecture, where it is there."""
    engine = facts.engine
    if engine is None or engine.image_architecture is None or needs.image is None:
        return
    if engine.image_architecture != engine.architecture:
        words = f"image {needs.image} is for {engine.image_architecture}, the host is {engine.architecture}"
        yield error(words, "build it on such a host: launcher image build --on HOST")


def everywhere(fleet: Mapping[str, Examined]) -> Complaints:
    """The same on all hosts; those that lack it are given it when a run starts, if anybody has it."""
    engines = {
        label: each.facts.engine
        for label, each in fleet.items()
        if each.needs.image is not None and each.facts.engine is not None and not each.facts.engine.refusal
    }
    there = {label: each for label, each in engines.items() if each.image_architecture is not None}
    yield from _other(fleet, there)
    for label, engine in engines.items():
        if label not in there:
            yield label, _absent(fleet[label].needs, engine, there)


def _other(fleet: Mapping[str, Examined], there: Mapping[str, Engine]) -> Complaints:
    """HCCL refuses ranks of different versions (EI0008), and other differences are found late."""
    identities = {label: engine.image_identity for label, engine in there.items()}
    for label, most in minority(identities):
        name = fleet[label].needs.image or ""
        words = f"image {name} is {identities[label]}, but {identities[most[0]]} on {some(most)}"
        yield label, error(words, f"give it to all: launcher image push {quote(name)} --from {most[0]}")


def _absent(needs: HostNeeds, engine: Engine, there: Mapping[str, Engine]) -> Complaint:
    words = f"image {needs.image} is not there"
    remedy = f"`launcher run` does that by itself; beforehand: launcher image push {quote(needs.image or '')}"
    if needs.registry is not None:
        return warning(f"{words}: it will be pulled from {needs.registry}", remedy)
    if there:
        source, has = next(iter(there.items()))
        if has.image_architecture != engine.architecture:
            words += (
                f", and that of {source} is for {has.image_architecture}, the host is {engine.architecture}"
            )
            return error(words, "build it on such a host: launcher image build --on HOST")
        return warning(f"{words}: it will be sent from {source} ({in_units(has.image_size)})", remedy)
    if needs.image_here is not None:
        size = in_units(needs.image_here)
        return warning(f"{words}: it will be sent from this machine's engine ({size})", remedy)
    make = f"make it on a host of the cluster: launcher image build --tag {quote(needs.image or '')}"
    return error(f"{words}, nor on any other host, nor in the engine of this machine", make)
