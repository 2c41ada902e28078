"""Runs as they are now: from their directories here, and from hosts where only those know."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname
from typing import Any

from launcher.errors import LauncherError
from launcher.run.events import read_events
from launcher.run.rundir import RunDir
from launcher.status.state import (
    History,
    RunState,
    Trace,
    is_settled,
    judge,
    judge_traces,
    read_history,
)
from launcher.status.traces import Place, ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What this machine holds of a run."""

    directory: RunDir
    about: Mapping[str, Any]
    spec: Mapping[str, Any]
    """As spec.json has it."""
    history: History
    result: Mapping[str, Any] | None
    supervised: bool
    ranks: int | str | None
    """A number, or `all` where no plan has been made yet."""
    places: tuple[Place, ...]
    """Where its hosts keep it; none where they need not be asked or nothing was planned yet."""

    @property
    def is_settled(self) -> bool:
        """Whether no host need be asked for its state."""
        return is_settled(self.history, supervised=self.supervised, result=self.result)

    def state(self, traces: Sequence[Trace] | None = None) -> RunState:
        """Its state; `traces` is what its hosts show, if one need ask them."""
        is_adopted = "adopted_from" in self.about  # then its supervisor, elsewhere, has begun already
        age = float("inf") if is_adopted else time.time() - float(self.about.get("created", 0.0))
        return judge(self.history, supervised=self.supervised, age=age, result=self.result, traces=traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One run among many."""

    run: str
    state: RunState
    job: str | None
    cluster: str | None
    ranks: int | str | None
    created: float | None
    path: Path | None
    """None where only hosts know the run."""

    def to_json(self) -> dict[str, Any]:
        """As `launcher list --json` prints it."""
        return {
            "run": self.run,
            **self.state.to_json(),
            "job": self.job,
            "cluster": self.cluster,
            "ranks": self.ranks,
            "created": self.created,
            "path": None if self.path is None else str(self.path),
        }


def read_stored(directory: RunDir, *, with_events: bool = True) -> Stored:
    """Read a run's directory; without events the history of a run that has a result stays empty.

    Raises UsageError where a file of it is damaged.
    """
    supervised = directory.is_supervised()  # before the events: what it wrote before it went is read then
    result = directory.outcome()
    events = [] if result is not None and not with_events else read_events(directory.events)[0]
    history, spec = read_history(events), _read(directory, directory.spec)
    settled = is_settled(history, supervised=supervised, result=result)
    ranks = spec.get("job", {}).get("ranks")
    plan = None if settled and isinstance(ranks, int) else _newest_plan(directory)
    return Stored(
        directory=directory,
        about=_read(directory, directory.about),
        spec=spec,
        history=history,
        result=result,
        supervised=supervised,
        ranks=plan[0] if plan else ranks,
        places=_places(directory, plan[1]) if plan else (),
    )


def survey(
    directories: Iterable[RunDir], elsewhere: Iterable[Place] = ()
) -> tuple[list[Overview], list[LauncherError]]:
    """These runs, then others that the places `elsewhere` know; and why some could not be read or asked.

    Hosts are asked only for what is not known here.
    """
    errors: dict[str, LauncherError] = {}
    stored = []
    for directory in directories:
        try:
            stored.append(read_stored(directory, with_events=False))
        except LauncherError as error:
            errors[str(error)] = error
    unsure = [run for run in stored if not run.is_settled]
    answers = ask([*(place for run in unsure for place in run.places), *elsewhere])
    known = {run.directory.run_id for run in stored}
    overviews = [_overview(run, answers) for run in stored] + _strangers(answers, known)
    errors |= {str(error): error for error in answers.values() if isinstance(error, LauncherError)}
    return overviews, list(errors.values())


def traces_of(stored: Stored, answers: Mapping[Place, list[Trace] | LauncherError]) -> list[Trace] | None:
    """What the hosts of a run show of it; None where one of them did not answer."""
    traces = []
    for place in stored.places:
        answer = answers[place]
        if isinstance(answer, LauncherError):
            return None
        traces += [trace for trace in answer if trace.run == stored.directory.run_id]
    return traces


def state_now(stored: Stored) -> RunState:
    """The state of a run; its hosts are asked where what is stored here does not say it."""
    return stored.state() if stored.is_settled else stored.state(traces_of(stored, ask(stored.places)))


def _overview(stored: Stored, answers: Mapping[Place, list[Trace] | LauncherError]) -> Overview:
    return Overview(
        run=stored.directory.run_id,
        state=stored.state() if stored.is_settled else stored.state(traces_of(stored, answers)),
        job=stored.about.get("job"),
        cluster=stored.about.get("cluster"),
        ranks=stored.ranks,
        created=stored.about.get("created"),
        path=stored.directory.path,
    )


def _strangers(answers: Mapping[Place, list[Trace] | LauncherError], known: Iterable[str]) -> list[Overview]:
    """Runs that are on hosts but have no directory here."""
    by_run: dict[str, dict[str, Trace]] = {}
    for place, answer in answers.items():
        for trace in [] if isinstance(answer, LauncherError) else answer:
            if trace.run not in known:
                by_run.setdefault(trace.run, {})[place.endpoint.label] = trace
    return [
        Overview(
            run=run,
            state=judge_traces(list(traces.values())),
            job=None,
            cluster=None,
            ranks=None,
            created=None,
            path=None,
        )
        for run, traces in by_run.items()
    ]


def _newest_plan(directory: RunDir) -> tuple[int, dict[str, str]] | None:
    """Its ranks, and the work directory of each host by label."""
    attempts = directory.attempts()
    if not attempts:
        return None
    path = directory.plan(attempts[-1])
    with directory.intact(path):
        plan = directory.read(path)
        work_dirs = {host["label"]: dirname(dirname(host["run_dir"])) for host in plan["hosts"]}
        return int(plan["ranks"]), work_dirs


def _places(directory: RunDir, work_dirs: Mapping[str, str]) -> tuple[Place, ...]:
    endpoints = directory.endpoints()
    with directory.intact(directory.hosts):
        return tuple(Place(endpoints[label], work_dir) for label, work_dir in work_dirs.items())


def _read(directory: RunDir, path: Path) -> Mapping[str, Any]:
    """A JSON object; an empty one where there is no file."""
    return directory.read(path) if path.exists() else {}
