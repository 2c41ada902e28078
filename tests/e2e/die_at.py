"""A supervisor that is killed with -9 at a chosen moment: `die_at.py RUNDIR event|call NUMBER`.

`event N` dies right after the N-th event is written, `call N` right before the N-th script runs on a host.
Prints nothing; exits as the supervisor does if that moment never comes.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from launcher.hosts.local import LocalHost
from launcher.run.events import EventLog
from launcher.run.rundir import RunDir
from launcher.run.supervisor import supervise


def main() -> int:
    """Patch, then supervise."""
    directory, moment, number = RunDir(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    owner, name = (EventLog, "write") if moment == "event" else (LocalHost, "run")
    original, counter = getattr(owner, name), itertools.count(1)

    def counted(*words: Any, **options: Any) -> Any:
        due = next(counter) == number
        if due and moment == "call":
            os.kill(os.getpid(), signal.SIGKILL)
        value = original(*words, **options)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(owner, name, counted)
    return int(supervise(directory))


if __name__ == "__main__":
    sys.exit(main())
