"""`launcher collect`: fetch again what hosts hold of a run, while it runs or after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.errors import CheckFailed, LauncherError
from launcher.files import write_atomically
from launcher.hosts import Host, HostError, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.logs.sources import load_plan
from launcher.plan.model import Plan
from launcher.remote import script
from launcher.run.collect import Brought, Incomplete, collect, collect_checkpoints
from launcher.run.rundir import RunDir

_FINISHED, _GONE = "yes", "gone"
"""Words of is_finished.sh."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was fetched, and why the rest was not."""

    directory: RunDir
    attempts: tuple[int, ...]
    is_over: bool
    """Whether the run has ended, as its supervisor wrote here or every host that was reached says; else its
    files may still grow.
    """
    errors: tuple[LauncherError, ...]
    brought: tuple[Brought, ...] = ()
    """What came from each host, of each attempt, and of checkpoints."""
    gone: tuple[str, ...] = ()
    """Hosts on which nothing of the run is any more."""

    def hosts(self) -> list[dict[str, Any]]:
        """What came from each host: files, their bytes, bytes sent for them; what is missing, and what can
        never come.
        """
        return [
            {
                "host": label,
                "files": sum(each.tally.files for each in parts),
                "bytes": sum(each.tally.size for each in parts),
                "received": sum(each.tally.received for each in parts),
                "missing": [why for each in parts for why in each.missing],
                "left_out": [why for each in parts for why in each.left_out],
            }
            for label in dict.fromkeys(each.host for each in self.brought)
            for parts in [[each for each in self.brought if each.host == label]]
        ]

    def to_json(self) -> dict[str, Any]:
        """As `launcher collect --json` prints it."""
        return {
            "schema": 1,
            "run": self.directory.run_id,
            "path": str(self.directory.path),
            "attempts": list(self.attempts),
            "over": self.is_over,
            "complete": not self.errors,
            "gone": list(self.gone),
            "errors": [str(error) for error in self.errors],
            "hosts": self.hosts(),
        }


def recollect(directory: RunDir, *, every_attempt: bool) -> Collected:
    """Fetch logs and, once the run is over, checkpoints. Raises LauncherError where no rank was ever started.

    What can be fetched is, whatever fails elsewhere.
    """
    numbers = directory.attempts() if every_attempt else directory.attempts()[-1:]
    if not numbers:
        raise LauncherError(
            f"run {directory.run_id} has not started its ranks: there is nothing to collect",
            hint=f"launcher status {directory.run_id}",
        )
    newest = load_plan(directory, numbers[-1])
    hosts = _connect(directory, newest)
    has_ended = directory.exit_code() is not None
    answers = try_on_all(hosts.values(), lambda host: _ask(host, newest, has_ended=has_ended))
    lost = {label: answer for label, answer in answers.items() if isinstance(answer, HostError)}
    gone = tuple(label for label, answer in answers.items() if answer == _GONE)
    reached = [host for host in hosts.values() if host.label not in {*lost, *gone}]
    over = len(lost) < len(hosts) and all(answers[host.label] == _FINISHED for host in reached)
    errors: list[LauncherError] = [*lost.values(), *_losses(directory, gone)]
    brought = [Brought(label, failure=error) for label, error in lost.items()]
    for number in numbers:
        errors += _tried(collect, directory, reached, load_plan(directory, number), brought)
    if over:
        errors += _tried(collect_checkpoints, directory, reached, newest, brought)
    if over and not errors and numbers == directory.attempts():
        write_atomically(directory.collected, "")
    for host in hosts.values():
        host.close()
    return Collected(directory, tuple(numbers), over, tuple(errors), tuple(brought), gone)


def _connect(directory: RunDir, plan: Plan) -> dict[str, Host]:
    endpoints = directory.endpoints()
    return {part.label: connect(endpoints[part.label]) for part in plan.hosts}


def _ask(host: Host, plan: Plan, *, has_ended: bool) -> str:
    """Whether the supervisor of a run has let go of this host: _FINISHED, _GONE or another word."""
    said = checked(host, script("is_finished"), plan.host(host.label).run_dir).out.strip()
    return _FINISHED if has_ended and said != _GONE else said


def _losses(directory: RunDir, gone: Sequence[str]) -> list[LauncherError]:
    """An error where hosts have nothing of a run any more that is not known to be here."""
    if not gone or directory.is_collected():
        return []
    return [
        CheckFailed(
            f"run {directory.run_id} went from host {', '.join(gone)} before all of it was collected",
            hint=f"what has been collected is in {directory.path}",
        )
    ]


def _tried(
    fetch: Callable[[RunDir, Sequence[Host], Plan], tuple[Brought, ...]],
    directory: RunDir,
    hosts: Sequence[Host],
    plan: Plan,
    brought: list[Brought],
) -> list[LauncherError]:
    """Errors; what came is added to `brought`."""
    try:
        brought += fetch(directory, hosts, plan)
    except Incomplete as error:
        brought += error.brought
        return [error]
    except LauncherError as error:
        return [error]
    return []
