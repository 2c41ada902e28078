"""A supervisor that is killed with -9 at a chosen moment: `die_at.py RUNDIR phase|event|call WHICH`.

`phase NAME` dies right after that phase was written to begin, `event N` right after the N-th event, `call N`
right before the N-th time that a host is asked for something. Prints nothing; exits as the supervisor does if
that moment never comes.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher.hosts.local import LocalHost
from launcher.hosts.ssh import SshHost
from launcher.run.events import EventLog
from launcher.run.rundir import RunDir
from launcher.run.supervisor import supervise


def die() -> None:
    """Nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def after_event(is_due: Callable[[dict[str, Any]], bool]) -> None:
    """Die when such an event has been written."""
    write = EventLog.write

    def writing(log: EventLog, kind: str, **fields: Any) -> None:
        write(log, kind, **fields)
        if is_due({"event": kind, **fields}):
            die()

    EventLog.write = writing  # type: ignore[method-assign]


def before_call(number: int) -> None:
    """Die before the N-th script, stream or connection to Docker, on whatever host."""
    counter = itertools.count(1)
    for owner in (LocalHost, SshHost):
        for name in ("run", "stream", "dial"):
            setattr(owner, name, counted(getattr(owner, name), counter, number))


def counted(original: Callable[..., Any], counter: itertools.count[int], number: int) -> Callable[..., Any]:
    """The method, which dies when its turn has come."""

    def call(*words: Any, **options: Any) -> Any:
        if next(counter) == number:
            die()
        return original(*words, **options)

    return call


def main() -> int:
    """Patch, then supervise."""
    directory, moment, which = RunDir(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
    if moment == "phase":
        after_event(lambda event: event["event"] == "phase" and event["phase"] == which)
    elif moment == "event":
        events = itertools.count(1)
        after_event(lambda event: next(events) == int(which))
    else:
        before_call(int(which))
    return int(supervise(directory))


if __name__ == "__main__":
    sys.exit(main())
