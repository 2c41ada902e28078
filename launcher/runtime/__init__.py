"""Runtimes: ranks as processes, ranks as containers."""

from launcher.errors import UsageError
from launcher.runtime.base import Runtime
from launcher.runtime.process import ProcessRuntime

__all__ = ["Runtime", "runtime_of"]


def runtime_of(name: str) -> Runtime:
    """The runtime of a cluster file. Raises UsageError where it is not there yet."""
    if name != "process":
        raise UsageError(
            f"runtime {name} cannot run yet: containers come with a later release", hint="use `launcher plan`"
        )
    return ProcessRuntime()
