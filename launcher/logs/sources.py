"""Where the logs of an attempt are: here once they have been collected, else on the hosts that write them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from launcher.errors import UsageError
from launcher.hosts import Endpoint, Host, HostError, LocalHost, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import IN_FLIGHT
from launcher.logs.tail import Source
from launcher.plan import store
from launcher.plan.model import Plan
from launcher.remote import script
from launcher.run.rundir import RunDir

_HERE = "this machine"


def load_plan(directory: RunDir, attempt: int) -> Plan:
    """The stored plan of an attempt. Raises UsageError where there is none, or a newer launcher wrote it."""
    path = directory.plan(attempt)
    try:
        return store.from_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UsageError(
            f"run {directory.run_id} has no attempt {attempt}",
            hint=f"its attempts: {', '.join(map(str, directory.attempts())) or 'none yet'}",
        ) from None


def is_over(directory: RunDir, attempt: int) -> bool:
    """Whether nothing of an attempt runs any more, as its supervisor has written down."""
    return has_ended(directory) or directory.attempts()[-1] > attempt


def has_ended(directory: RunDir) -> bool:
    """Whether a run is over: its supervisor has written so, or `launcher collect` has found it so."""
    return directory.result.exists() or directory.collected.exists()


@dataclass(frozen=True, slots=True)
class Found:
    """Where logs are; what to tell about hosts whose copies are shown, and why others have none."""

    sources: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[HostError] = field(default_factory=list)


def find_sources(directory: RunDir, plan: Plan, keys: Sequence[str]) -> tuple[list[Source], list[str]]:
    """Sources of these members' logs, and what to tell about hosts that cannot be reached.

    Raises HostError for a host that cannot be reached where none of its logs are here.
    """
    found = find_what_answers(directory, plan, keys)
    if found.errors:
        raise found.errors[0]
    return found.sources, found.notes


def find_what_answers(directory: RunDir, plan: Plan, keys: Sequence[str]) -> Found:
    """Sources of these members' logs, as far as there are any."""
    attempt = int(plan.binding.attempt)
    over = is_over(directory, attempt)
    here = directory.is_collected() or not directory.result.exists()  # each attempt is, before the next
    if over and here and not (set(keys) - set(collected(directory, plan, keys))):
        return Found([local_source(directory, plan, keys)])
    parts = [part for part in plan.hosts if not set(keys).isdisjoint(part.members)]
    endpoints = directory.endpoints()
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        outcomes = list(pool.map(_try_to_reach, (endpoints[part.label] for part in parts)))
    found = Found()
    for part, outcome in zip(parts, outcomes, strict=True):
        chosen = _only(part.members, keys)
        copies = collected(directory, plan, chosen)
        if not isinstance(outcome, HostError):
            found.sources.append(Source(outcome, part.attempt_dir, chosen))
        elif copies:
            found.notes.append(f"{outcome}; what has been collected of it is shown")
            found.sources.append(local_source(directory, plan, copies))
        else:
            found.errors.append(outcome)
    return found


def collected(directory: RunDir, plan: Plan, keys: Sequence[str]) -> tuple[str, ...]:
    """Those of the members whose log directory is here."""
    return tuple(key for key in keys if directory.log(plan.binding.attempt, key).is_dir())


def local_source(directory: RunDir, plan: Plan, keys: Sequence[str]) -> Source:
    """What has been collected; the run directory has the same form as that on a host."""
    return Source(LocalHost(_HERE), str(directory.attempt(plan.binding.attempt)), tuple(keys))


def find_starts(sources: Sequence[Source], since: str | None, lines: int | None) -> dict[str, int]:
    """Byte offsets to begin at: only what is older than `since` and than the last lines is left out.

    `since` is seconds of the epoch or `ago:<seconds>`, by the clock of each host.
    """
    if since is None and lines is None:
        return {}
    words = ("-" if since is None else since, "-" if lines is None else str(lines))
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        answers = pool.map(
            lambda source: (
                checked(source.host, script("log_starts"), source.directory, *words, *source.keys).out
            ),
            sources,
        )
        rows = [line.split() for answer in answers for line in answer.splitlines()]
    return {key: int(offset) for key, offset in rows}


def _try_to_reach(endpoint: Endpoint) -> Host | HostError:
    host = connect(endpoint)
    try:
        host.run(":")
    except HostError as error:
        return error
    return host


def _only(keys: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    chosen = frozenset(wanted)
    return tuple(key for key in keys if key in chosen)
