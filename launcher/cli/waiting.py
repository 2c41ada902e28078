"""Waits for runs that another machine supervises: their hosts say when they have ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

from launcher.cli.output import print_json, say
from launcher.errors import LostContact
from launcher.run.rundir import RunDir
from launcher.status.state import RunState, Standing
from launcher.status.survey import read_stored, state_now

_LOOK = 2.0
_PATIENCE = 60.0
"""Seconds without an answer of a host after which the state of the run counts as not known."""


def is_elsewhere(directory: RunDir) -> bool:
    """Whether no supervisor has ever acted for a run here: it was found on its hosts."""
    stored = read_stored(directory)
    return "adopted_from" in stored.about and stored.history.began is None and not stored.is_settled


def wait_elsewhere(directory: RunDir, *, json: bool) -> int:
    """Exit code of a run, once its hosts say it. Raises LostContact where nobody supervises it any more."""
    for state in _states(directory):
        if state.standing is Standing.ENDED and state.exit_code is not None:
            _tell(directory, state, json=json)
            return state.exit_code
    name = directory.run_id
    raise LostContact(
        f"run {name}: {state.standing.value}: {state.words}",
        hint=f"launcher attach {name} takes the run over, launcher cancel {name} ends it",
    )


def _states(directory: RunDir) -> Iterator[RunState]:
    """Its state every 2 s, until nobody supervises it, or a host has not answered for a minute."""
    answered = time.monotonic()
    while True:
        yield (state := state_now(read_stored(directory)))
        if state.standing is not Standing.UNKNOWN:
            answered = time.monotonic()
        if state.standing is Standing.ALONE or time.monotonic() - answered > _PATIENCE:
            return
        time.sleep(_LOOK)


def _tell(directory: RunDir, state: RunState, *, json: bool) -> None:
    if json:
        print_json({"schema": 1, "run": directory.run_id, **state.to_json()})
    else:
        print(f"run {directory.run_id}: ended (exit code {state.exit_code})")
        say(f"next: launcher collect {directory.run_id}")
