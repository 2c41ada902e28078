"""Which run a command means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launcher.run.rundir import RunDir


def which_run(prefix: str | None, cluster: Path) -> RunDir:
    """A run of this directory, or one that only the hosts of the cluster know: it gets a directory here.

    Raises UsageError where it is nowhere, LostContact where a host that does not answer may know it.
    """
    from launcher.run.rundir import all_runs, find_run

    if prefix is None or not cluster.exists() or any(run.run_id.startswith(prefix) for run in all_runs()):
        return find_run(prefix)
    from launcher.run.adopt import adopt

    return adopt(prefix, cluster)
