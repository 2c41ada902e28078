"""The second of two seams: what a rank is on its host, a process group or a container."""

from __future__ import annotations

from typing import Protocol

from launcher.hosts import Host, Stream
from launcher.plan.model import HostPlan, Plan


class Runtime(Protocol):
    """Acts on one host for one attempt. `epoch` is the lease that every change is fenced by.

    Methods raise HostError when contact is lost, Fenced when another launcher has taken the run over, and
    StartFailed when the host refuses.
    """

    def create(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        """Make everything but start nothing; what is there already is left alone."""

    def start(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        """Start all members of the host; those that run already are left alone."""

    def watch(self, host: Host, plan: Plan, part: HostPlan) -> Stream:
        """Lines about members (launcher.run.gang reads them), until all have ended."""

    def stop(self, host: Host, plan: Plan, part: HostPlan, epoch: int, *, kill: bool) -> None:
        """TERM or KILL for every member that has not ended; after KILL none is left."""

    def close(self) -> None:
        """Let go of what is kept open between create and start."""

    def remove(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        """What is left of all attempts of a run that is over, but for its files."""
