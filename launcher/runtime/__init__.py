"""Runtimes: ranks as processes, ranks as containers."""

from launcher.runtime.base import Runtime
from launcher.runtime.process import ProcessRuntime

__all__ = ["Runtime", "runtime_of"]


def runtime_of(name: str) -> Runtime:
    """The runtime that a cluster file names."""
    if name == "process":
        return ProcessRuntime()
    from launcher.runtime.container import ContainerRuntime  # imports the Docker SDK

    return ContainerRuntime()
