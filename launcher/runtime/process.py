"""Ranks as process groups of a host."""

from __future__ import annotations

from launcher.errors import StartFailed
from launcher.hosts import Host, RemoteError, Stream
from launcher.hosts.fence import checked
from launcher.plan.layout import host_script
from launcher.plan.model import HostPlan, Plan
from launcher.remote import script

_LOOK = "0.2"
_STOP_TIMEOUT = 60.0


class ProcessRuntime:
    """Starts a host's ranks by its host script, and knows them by LAUNCHER_RUN in their environment."""

    def create(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        """The upload has made the directories; there is nothing else to make."""

    def start(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        path = f"{part.attempt_dir}/{host_script(part.label)}"
        try:
            checked(host, script("start"), part.run_dir, str(epoch), path, timeout=plan.policy.start_timeout)
        except RemoteError as error:
            raise StartFailed(str(error)) from error

    def watch(self, host: Host, plan: Plan, part: HostPlan) -> Stream:
        return host.stream(script("watch"), f"{part.attempt_dir}/state", _LOOK, *part.members)

    def stop(self, host: Host, plan: Plan, part: HostPlan, epoch: int, *, kill: bool) -> None:
        words = (f"{part.attempt_dir}/state", plan.binding.run_id, plan.binding.attempt)
        signal = "KILL" if kill else "TERM"
        checked(host, script("stop"), part.run_dir, str(epoch), *words, signal, timeout=_STOP_TIMEOUT)

    def close(self) -> None:
        """Nothing is kept open."""

    def remove(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        """Processes leave nothing."""
