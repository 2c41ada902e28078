"""Where the logs of an attempt are: here once they have been collected, else on the hosts that write them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from launcher.errors import UsageError
from launcher.hosts import Endpoint, Host, HostError, LocalHost, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import IN_FLIGHT
from launcher.logs.tail import Source, sources_of
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


def find_sources(directory: RunDir, plan: Plan, keys: Sequence[str]) -> tuple[list[Source], list[str]]:
    """Sources of these members' logs, and what to tell about hosts that cannot be reached.

    Raises HostError for a host that cannot be reached where none of its logs are here.
    """
    attempt = int(plan.binding.attempt)
    over = is_over(directory, attempt)
    here = directory.is_collected() or not directory.result.exists()  # each attempt is, before the next
    if over and here and not (set(keys) - set(collected(directory, plan, keys))):
        return [local_source(directory, plan, keys)], []
    parts = [part for part in plan.hosts if not set(keys).isdisjoint(part.members)]
    endpoints = directory.endpoints()
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        outcomes = pool.map(_try_to_reach, (endpoints[part.label] for part in parts))
        reached = dict(zip((part.label for part in parts), outcomes, strict=True))
    hosts = {label: host for label, host in reached.items() if not isinstance(host, HostError)}
    sources = sources_of(hosts, plan, [key for part in parts if part.label in hosts for key in part.members])
    sources = [Source(each.host, each.directory, _only(each.keys, keys)) for each in sources]
    notes = []
    for part in parts:
        error = reached[part.label]
        if isinstance(error, HostError):
            copies = collected(directory, plan, _only(part.members, keys))
            if not copies:
                raise error
            notes.append(f"{error}; what has been collected of it is shown")
            sources.append(local_source(directory, plan, copies))
    return sources, notes


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
