"""`launcher clean`: what finished runs have left on hosts, and what nobody uses any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from launcher.errors import LauncherError
from launcher.hosts import Host, connect, endpoints_of
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.hosts.owner import owner_on
from launcher.plan.layout import LOCKS, default_work_dir
from launcher.remote import script
from launcher.run.rundir import RunDir, all_runs
from launcher.spec.cluster import Cluster
from launcher.status.state import Trace
from launcher.status.traces import parse_traces

_TIMEOUT = 600.0
HERE = "here"


@dataclass(frozen=True, slots=True)
class Item:
    """Something on a host that nobody needs: a run, code, a lock, or the rest of an interrupted action."""

    host: str
    what: str
    name: str
    kib: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that stays, and why."""

    host: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of a run that goes with it, and that no collect can fetch: its name has a line break."""

    host: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was found, or removed, on all hosts; `errors` of those that did not answer."""

    items: tuple[Item, ...]
    kept: tuple[Kept, ...]
    errors: tuple[LauncherError, ...]
    lost: tuple[Loss, ...] = ()

    def to_json(self, items: Iterable[Item]) -> dict[str, Any]:
        """As `launcher clean --json` prints it, with these items."""
        return {
            "items": [asdict(item) for item in items],
            "kept": [asdict(kept) for kept in self.kept],
            "lost": [asdict(loss) for loss in self.lost],
            "errors": [str(error) for error in self.errors],
        }


def sweep(cluster: Cluster, *, remove: bool) -> Sweep:
    """Look at all hosts of a cluster, or remove what is found; each host decides anew before it removes."""
    known = {run.run_id: run for run in all_runs()}
    work_dirs = {host.label: host.work_dir or cluster.work_dir for host in cluster.hosts}
    hosts = [connect(endpoint) for endpoint in endpoints_of(cluster).values()]
    outcomes = try_on_all(hosts, lambda host: _sweep_host(host, work_dirs[host.label], known, remove=remove))
    for host in hosts:
        host.close()
    errors = [outcome for outcome in outcomes.values() if isinstance(outcome, LauncherError)]
    swept = [each for many in outcomes.values() if not isinstance(many, LauncherError) for each in many]
    return Sweep(
        tuple(each for each in swept if isinstance(each, Item)),
        tuple(each for each in swept if isinstance(each, Kept)),
        tuple(errors),
        tuple(each for each in swept if isinstance(each, Loss)),
    )


def why_kept(trace: Trace, collected: Mapping[str, bool]) -> str | None:
    """Why a run must stay on its host, as far as can be seen from here; None where it may go."""
    if trace.living:
        return f"{trace.living} of its ranks live"
    if trace.lease.is_fresh:
        return f"its supervisor was seen {trace.lease.age:.0f} s ago"
    if trace.exit_code is None and not trace.attempt:  # its supervisor died before any rank was started
        return None
    if trace.exit_code is None:
        return f"it has not ended: launcher attach {trace.run} or launcher cancel {trace.run}"
    if not collected.get(trace.run, False):
        return f"not known to be collected: launcher collect {trace.run} --all-attempts"
    return None


def local_runs(sweep: Sweep) -> list[RunDir]:
    """Run directories here that may go: of runs that are over, collected, and kept by no host."""
    kept = {run.name for run in sweep.kept}
    runs = (run for run in all_runs() if run.run_id not in kept)
    return [run for run in runs if run.is_collected() and not run.is_supervised()]


def local_items(runs: Iterable[RunDir]) -> list[Item]:
    """Run directories here, with their sizes."""
    return [Item(HERE, "run", run.run_id, _kib(run)) for run in runs]


def remove_local(runs: Sequence[RunDir]) -> list[Item]:
    """Remove run directories; run.json goes first, so that half a directory is no run."""
    items = local_items(runs)
    for run in runs:
        run.about.unlink()
        shutil.rmtree(run.path)
    return items


def _sweep_host(
    host: Host, work_dir: str | None, known: Mapping[str, RunDir], *, remove: bool
) -> list[Item | Kept | Loss]:
    place = work_dir or default_work_dir(owner_on(host).uid)
    seen = parse_traces(checked(host, script("runs"), place).out)
    traces = [_with_result(trace, known.get(trace.run)) for trace in seen]
    collected = {trace.run: known[trace.run].is_collected() for trace in traces if trace.run in known}
    reasons = {trace.run: why_kept(trace, collected) for trace in traces}
    going = [word for trace in traces if reasons[trace.run] is None for word in _words_of(trace)]
    mode = "remove" if remove else "look"
    done = checked(host, script("clean"), mode, place, LOCKS, *going, timeout=_TIMEOUT)
    kept = [Kept(host.label, run, why) for run, why in reasons.items() if why is not None]
    return [*kept, *(_parse(host.label, line) for line in done.out.splitlines())]


def _with_result(trace: Trace, run: RunDir | None) -> Trace:
    """A host that was lost in the last moment does not know that its run has ended; its supervisor does."""
    if run is None or trace.exit_code is not None:
        return trace
    return replace(trace, exit_code=run.exit_code())


def _words_of(trace: Trace) -> tuple[str, str, str]:
    """For the script: run, epoch, whether the run has ended."""
    return trace.run, str(trace.lease.epoch), "unknown" if trace.exit_code is None else "ended"


def _parse(host: str, line: str) -> Item | Kept | Loss:
    what, name, rest = line.split(" ", 2)
    if what == "kept":
        return Kept(host, name, rest)
    if what == "loses":
        return Loss(host, name, rest)
    return Item(host, what, name, int(rest))


def _kib(run: RunDir) -> int:
    return sum(path.lstat().st_size for path in run.path.rglob("*")) // 1024
