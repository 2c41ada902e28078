"""Requirements of a job against the Python of a host. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import TYPE_CHECKING

from launcher.check.facts import Python

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def distributions(requirements: Iterable[str]) -> tuple[str, ...]:
    """The names of the distributions that requirements speak of."""
    from packaging.requirements import Requirement

    return tuple(dict.fromkeys(Requirement(text).name for text in requirements))


def lacking(requirements: Iterable[str], python: Python) -> Iterator[tuple[str, str]]:
    """What does not meet its requirement, and the remedy of each.

    A requirement whose marker (PEP 508) excludes this Python is met; one that names an address is met by any
    version.
    """
    from packaging.requirements import Requirement

    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate(dict(python.environment)):
            continue
        wrong = _wrong(requirement, python.versions.get(requirement.name))
        if wrong:
            yield f"{wrong} in {python.executable}", _install(requirement, python.executable)


def _wrong(requirement: Requirement, version: str | None) -> str:
    from packaging.version import InvalidVersion, Version

    if version is None:
        return f"{requirement.name} is not installed"
    try:
        fits = requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return f"{requirement.name} has the version {version!r}, which cannot be compared"
    return "" if fits else f"{requirement.name} is {version}, not {requirement.specifier}"


def _install(requirement: Requirement, executable: str) -> str:
    requirement.marker = None
    return f"{quote(executable)} -m pip install {quote(str(requirement))}"
