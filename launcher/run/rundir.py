"""A run's directory on the machine that launched it: the only place where its file names are made up.

runs/<id>/
    run.json            who started what, when
    hosts.json          how this machine reaches the hosts
    inputs/             cluster.yaml, job.yaml, spec.json, code.json, code.diff
    events.jsonl        what happened, one JSON object a line
    supervisor.lock     held by the supervisor while it lives; supervisor.log is what it says
    cancel              somebody wants the run to end
    collected           the run is over, and `launcher collect` has fetched what its supervisor could not
    collect.lock        held while files are fetched from hosts
    attempt-<n>/        plan.json, rank_table.json, scripts/, LOG<rank>/; .partial/ while files are fetched,
                        ascend-fd/ where `collect --layout ascend-fd` put it
    LOG<rank>           links to the newest attempt
    ckpt/  result.json
    .reserve            room on the disk for the last events and the result, while the supervisor lives
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from launcher.errors import UsageError
from launcher.files import write_json
from launcher.hosts import Endpoint
from launcher.plan.layout import PLAN, log_name
from launcher.stored import intact, read_object


@dataclass(frozen=True, slots=True)
class RunDir:
    """Paths of one run."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def about(self) -> Path:
        return self.path / "run.json"

    @property
    def hosts(self) -> Path:
        return self.path / "hosts.json"

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON file of this run. Raises UsageError where it is missing, damaged, or of a newer launcher."""
        return read_object(path, self._remedy(path))

    def intact(self, path: Path) -> AbstractContextManager[None]:
        """What does not fit in the block is damage of a file of this run: UsageError."""
        return intact(path, self._remedy(path))

    def _remedy(self, path: Path) -> str:
        """What hosts hold makes all of it anew, until `launcher clean`."""
        if path == self.result:
            return f"remove it, then: launcher attach {self.run_id} (writes it anew from what the hosts hold)"
        return (
            f"move {self.path} elsewhere, then: launcher attach {self.run_id} -c CLUSTER (makes it anew from "
            "what the hosts hold)"
        )

    def keep_endpoints(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Remember how hosts are reached."""
        write_json(self.hosts, {"schema": 1, "hosts": [asdict(each) for each in endpoints.values()]})

    def endpoints(self) -> dict[str, Endpoint]:
        """How the hosts of the run are reached, by label."""
        known = {field.name for field in fields(Endpoint)}
        with self.intact(self.hosts):
            stored = self.read(self.hosts)["hosts"]
            endpoints = [Endpoint(**{k: v for k, v in each.items() if k in known}) for each in stored]
        return {each.label: each for each in endpoints}

    @property
    def inputs(self) -> Path:
        return self.path / "inputs"

    @property
    def spec(self) -> Path:
        return self.inputs / "spec.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def reserve(self) -> Path:
        return self.path / ".reserve"

    @property
    def checkpoints(self) -> Path:
        return self.path / "ckpt"

    @property
    def cancel_request(self) -> Path:
        return self.path / "cancel"

    @property
    def collected(self) -> Path:
        return self.path / "collected"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    def attempt(self, number: int | str) -> Path:
        """Directory of one attempt."""
        return self.path / f"attempt-{number}"

    def plan(self, number: int | str) -> Path:
        """The bound plan of an attempt."""
        return self.attempt(number) / PLAN

    def log(self, number: int | str, key: str) -> Path:
        """Where the logs of a member are collected."""
        return self.attempt(number) / log_name(key)

    def attempts(self) -> list[int]:
        """Numbers of the attempts that have a plan, ascending."""
        names = [path.parent.name.removeprefix("attempt-") for path in self.path.glob(f"attempt-*/{PLAN}")]
        return sorted(int(name) for name in names if name.isdecimal())

    @contextmanager
    def supervisor_lock(self, patience: float = 2.0) -> Iterator[bool]:
        """Hold the supervisor's lock; gives False where another supervisor holds it. The kernel frees it.

        Whoever asks `is_supervised` holds it for an instant, so it is tried for `patience` seconds.
        """
        with open(self.path / _LOCK, "a", encoding="utf-8") as file:
            deadline = time.monotonic() + patience
            while not _lock(file, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.01)
            yield True

    @contextmanager
    def collect_lock(self) -> Iterator[None]:
        """Hold the lock of what is fetched from hosts; waits for another process that has it."""
        with open(self.path / "collect.lock", "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_untouched(self) -> bool:
        """Whether no supervisor has ever acted for this run, so that no host knows of it."""
        has_events = self.events.exists() and self.events.stat().st_size > 0
        return not has_events and "adopted_from" not in self.read(self.about)

    def outcome(self) -> dict[str, Any] | None:
        """What result.json holds; None where it is not here. Raises UsageError where it is damaged."""
        if not self.result.exists():
            return None
        with self.intact(self.result):
            result = self.read(self.result)
            int(result["exit_code"])
        return result

    def exit_code(self) -> int | None:
        """With what the run ended, as its supervisor wrote here; None while that is not known."""
        outcome = self.outcome()
        return None if outcome is None else int(outcome["exit_code"])

    def is_collected(self) -> bool:
        """Whether everything of a run that is over is here: its supervisor says so, or a later collect."""
        return self.collected.exists() or bool((self.outcome() or {}).get("collected"))

    def is_supervised(self) -> bool:
        """Whether a supervisor of this run lives on this machine. Writes nothing: others may ask, too."""
        try:
            with open(self.path / _LOCK, encoding="utf-8") as file:
                return not _lock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False


_LOCK = "supervisor.lock"


def _lock(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def runs_root() -> Path:
    """Where runs are kept: `runs` here, or $LAUNCHER_RUNS."""
    return Path(os.environ.get("LAUNCHER_RUNS", "runs")).absolute()


def all_runs() -> list[RunDir]:
    """Runs of this directory, oldest first."""
    found = [RunDir(path.parent) for path in runs_root().glob("*/run.json")]
    return sorted(found, key=lambda run: run.about.stat().st_mtime_ns)


def find_run(prefix: str | None) -> RunDir:
    """The run whose id starts with `prefix`, or the last one. Raises UsageError for none or several."""
    runs = all_runs()
    if not runs:
        raise UsageError(f"no runs in {runs_root()}", hint="start one: launcher run JOB")
    if prefix is None:
        return runs[-1]
    matching = [run for run in runs if run.run_id.startswith(prefix)]
    exact = [run for run in matching if run.run_id == prefix]
    if len(exact or matching) != 1:
        names = ", ".join(run.run_id for run in matching[-5:])
        message = f"several runs start with {prefix!r}: {names}" if matching else f"no run {prefix!r} here"
        raise UsageError(message, hint="launcher list shows all runs")
    return (exact or matching)[0]
