"""What each process of ours sets for itself before all else."""

from __future__ import annotations

import gc
import resource

_ALLOCATIONS = 10_000


def settle() -> None:
    """Raise the limit of open files, and look for garbage less often.

    A connection takes three files; Python's own thresholds make the imports of a run a sixth slower.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.set_threshold(_ALLOCATIONS)
