"""Log directories and checkpoints from the hosts into the run directory.

Each host lists its files with size and SHA-256 (`manifest.sh`) and sends the bytes that are not here yet in
one compressed stream (`fetch.sh`); a file gets its name here once its sum is right. What was cut off, by a
lost contact or a kill, goes on from where it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Host
from launcher.hosts.fleet import together, try_on_all
from launcher.plan.layout import log_name
from launcher.plan.model import Plan
from launcher.run.collect.listing import Listing, Source
from launcher.run.collect.one_host import Brought, bring, list_patiently
from launcher.run.collect.place import Place, local_errors
from launcher.run.rundir import RunDir

__all__ = ["Brought", "Incomplete", "collect", "collect_checkpoints", "link_logs"]


class Incomplete(CheckFailed):
    """Not everything could be fetched; `brought` says what was."""

    def __init__(
        self, errors: Sequence[LauncherError], brought: tuple[Brought, ...], *, hint: str | None = None
    ) -> None:
        hint = next((error.hint for error in errors if error.hint), hint)
        super().__init__(f"not everything was collected: {together(errors)}", hint=hint)
        self.brought = brought


def collect(directory: RunDir, hosts: Iterable[Host], plan: Plan) -> tuple[Brought, ...]:
    """Fetch the logs of an attempt from these of its hosts, and link the newest attempt's.

    Works while ranks write, too; whoever collects the same run at the same time is waited for.
    Raises Incomplete naming every host whose files could not be fetched; the others' are there.
    """
    place = Place(directory.attempt(plan.binding.attempt))
    with directory.collect_lock():
        outcomes = try_on_all(hosts, lambda host: _bring_logs(_logs_of(host, plan), place))
        place.tidy()
        if int(plan.binding.attempt) == directory.attempts()[-1]:
            link_logs(directory, plan)
    return _whole(directory, outcomes)


def collect_checkpoints(directory: RunDir, hosts: Iterable[Host], plan: Plan) -> tuple[Brought, ...]:
    """Fetch the run's own checkpoint directory, where the job has no output volume of its own.

    The directories of all hosts become one here. Where one of the plan's hosts does not say what it has, all
    that is here may be of it, and stays. Raises Incomplete.
    """
    sources = {host.label: Source(host, plan.host(host.label).run_dir, ("ckpt",)) for host in hosts}
    all_hosts = [source.host for source in sources.values()]
    place = Place(directory.path)
    with directory.collect_lock():
        listed = try_on_all(all_hosts, lambda host: list_patiently(sources[host.label]))
        listings = {label: found for label, found in listed.items() if isinstance(found, Listing)}
        is_whole = len(listings) == len(plan.hosts)
        with local_errors(place.target):
            elsewhere = _apart(listings, place, keeps_all=not is_whole)

        def bring_from(host: Host) -> Brought:
            found = listed[host.label]
            if not isinstance(found, Listing):
                return Brought(host.label, failure=found)
            moves = elsewhere[host.label]
            return bring(replace(sources[host.label], elsewhere=moves), place, found.moved(moves))

        brought = _whole(directory, try_on_all(all_hosts, bring_from))
        if is_whole:
            _prune(place, brought)
        place.tidy()
    return brought


def link_logs(directory: RunDir, plan: Plan) -> None:
    """`runs/<id>/LOG<r>` leads to the newest attempt."""
    for member in plan.members:
        name = log_name(member.key)
        fresh = directory.path / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path(f"attempt-{plan.binding.attempt}") / name)
        os.replace(fresh, directory.path / name)


def _bring_logs(source: Source, place: Place) -> Brought:
    brought = bring(source, place)
    if not brought.errors:
        _prune(place, [brought])
    return brought


def _logs_of(host: Host, plan: Plan) -> Source:
    part = plan.host(host.label)
    names = tuple(log_name(key) for key in part.members)
    return Source(host, part.attempt_dir, names, plan.policy.collect)


def _apart(
    listings: Mapping[str, Listing], place: Place, *, keeps_all: bool
) -> dict[str, dict[str, str | None]]:
    """Files of one name on several hosts: once if they are equal, else the later in a directory of its host.

    Gives what changes its path, by host. With `keeps_all` none takes the place of another that is here.
    """
    moves: dict[str, dict[str, str | None]] = {}
    taken: dict[str, str] = {}
    for label, listing in listings.items():
        moves[label] = {}
        for entry in listing.files:
            top, _, inside = entry.path.partition("/")
            path = entry.path
            while taken.get(path, entry.sha256) != entry.sha256 or (
                keeps_all and place.has_another(replace(entry, here=path))
            ):
                inside = f"{quote(label, safe='')}/{inside}"
                path = f"{top}/{inside}"
            if path in taken:
                moves[label][entry.path] = None
            elif path != entry.path:
                moves[label][entry.path] = path
            taken[path] = entry.sha256
    return moves


def _whole(directory: RunDir, outcomes: Mapping[str, Brought | LauncherError]) -> tuple[Brought, ...]:
    """What came from all hosts. Raises Incomplete where something is lacking."""
    brought = tuple(outcome for outcome in outcomes.values() if isinstance(outcome, Brought))
    errors = [outcome for outcome in outcomes.values() if isinstance(outcome, LauncherError)]
    errors += [error for each in brought for error in each.errors]
    if errors:
        raise Incomplete(errors, brought, hint=f"launcher collect {directory.run_id}")
    return brought


def _prune(place: Place, brought: Iterable[Brought]) -> None:
    """Remove what hosts no longer have, of directories in which they have something."""
    keep = {entry.here for each in brought for entry in each.listing.files}
    with local_errors(place.target):
        place.prune({path.partition("/")[0] for path in keep}, keep)
