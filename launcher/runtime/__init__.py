"""Runtimes: ranks as processes, ranks as containers."""

from launcher.runtime.base import Runtime
from launcher.runtime.container import ContainerRuntime
from launcher.runtime.process import ProcessRuntime

__all__ = ["ContainerRuntime", "ProcessRuntime", "Runtime", "runtime_of"]

_RUNTIMES: dict[str, type[Runtime]] = {"process": ProcessRuntime, "docker": ContainerRuntime}


def runtime_of(name: str) -> Runtime:
    """The runtime that a cluster file names."""
    return _RUNTIMES[name]()
