"""All that one host has of a source: listed, fetched, verified, asked for again."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from launcher.errors import LauncherError
from launcher.hosts import HostError, RemoteError
from launcher.run.collect.listing import Entry, Listing, Source, list_files
from launcher.run.collect.place import Place, local_errors
from launcher.run.collect.receive import Piece, Tally, receive

_ROUNDS = 3
_PAUSE = 1.0
"""Seconds before a host that was lost is tried again."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Brought:
    """What came from a host, and what did not."""

    host: str
    tally: Tally = field(default_factory=Tally)
    listing: Listing = field(default_factory=Listing)
    """What it had, as far as is known."""
    problems: tuple[str, ...] = ()
    """Why single files did not come."""
    failure: LauncherError | None = None
    """Why it ended early."""

    @property
    def missing(self) -> list[str]:
        """Why something did not come, one by one."""
        return [*([str(self.failure)] if self.failure else []), *self.problems]

    @property
    def left_out(self) -> tuple[str, ...]:
        """What can never come, and why: no error, since no later collect would end it."""
        return self.listing.left_out

    @property
    def errors(self) -> list[LauncherError]:
        """All that went wrong, each with the name of the host; of many files the first few."""
        lines = [f"host {self.host}: {problem}" for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"host {self.host}: {len(self.problems) - _SHOWN} more files were not collected")
        failed = [self.failure] if self.failure else []
        return failed + ([RemoteError("\n".join(lines))] if lines else [])


def list_patiently(source: Source) -> Listing:
    """What a host has; a host that is lost is tried again. Raises as `list_files`."""
    for _ in range(_ROUNDS - 1):
        with suppress(HostError):
            return list_files(source)
        time.sleep(_PAUSE)
    return list_files(source)


def bring(source: Source, place: Place, listing: Listing | None = None) -> Brought:
    """Fetch what is not here yet; `listing` is what the host has said already. What fails is in the result.

    A host that is lost, and files that change while they are fetched, are tried three times in all.
    """
    label, tally = source.host.label, Tally()
    brought = Brought(label, tally)
    distrusted: set[str] = set()
    for left in reversed(range(_ROUNDS)):
        try:
            known = listing or list_files(source)
            wrong = _fetch(source, known, place, distrusted, tally)
        except HostError as error:
            brought = Brought(label, tally, failure=error)
            time.sleep(_PAUSE if left else 0)
        except LauncherError as error:
            return Brought(label, tally, failure=error)
        else:
            changed = [f"{entry.path!r} changes while it is fetched" for entry in wrong]
            brought = Brought(label, tally, known, (*known.problems, *changed))
            if not wrong:
                return brought
        listing = None
    return brought


def _fetch(source: Source, listing: Listing, place: Place, distrusted: set[str], tally: Tally) -> list[Entry]:
    """One round; gives the files whose sum was wrong. What is known to be no prefix comes from its start."""
    wrong = []
    with local_errors(place.target):
        place.make(listing.directories)
        pieces = (
            Piece(entry, place.prepare(entry, afresh=entry.here in distrusted))
            for entry in listing.files
            if not place.has(entry)
        )
        for entry in receive(source, pieces, place, tally):
            distrusted.add(entry.here)
            wrong.append(entry)
    return wrong
