"""What the phases of a run act on: its directory, its hosts, its lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launcher.claims import lease
from launcher.errors import ExitCode, LauncherError
from launcher.hosts import Host, connect
from launcher.hosts.clock import measure
from launcher.hosts.fleet import on_all
from launcher.hosts.owner import owner_on
from launcher.plan import store
from launcher.plan.build import hosts_used, plan
from launcher.plan.model import Binding, HostPlan, Plan
from launcher.run.course import Course
from launcher.run.rundir import RunDir
from launcher.runtime import Runtime, runtime_of
from launcher.spec.spec import Spec


class Cancelled(LauncherError):
    """Somebody asked for the end of the run."""

    exit_code = ExitCode.CANCELLED


@dataclass(frozen=True, slots=True)
class Ground:
    """One run as one supervisor sees it. `draft` is the plan with owners but without port and code."""

    directory: RunDir
    spec: Spec
    draft: Plan
    hosts: Mapping[str, Host]
    runtime: Runtime
    owner: str
    epoch: int
    course: Course

    @property
    def run_id(self) -> str:
        return self.directory.run_id

    def part(self, host: Host) -> HostPlan:
        """What the plan says of a host; equal in every attempt but for the attempt's own paths."""
        return self.draft.host(host.label)

    def take_lease(self, host: Host) -> None:
        """Claim the run on a host. Raises Fenced, RemoteError, HostError."""
        part = self.part(host)
        lease.take(host, part.run_dir, self.epoch, self.owner, self.draft.runtime_on(part))

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked for the end of the run."""
        return self.directory.cancel_request.exists()

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled where somebody asked for it."""
        if self.is_cancelled:
            raise Cancelled("cancelled")


def prepare(directory: RunDir, spec: Spec, course: Course) -> Ground:
    """Connect to the hosts that the job uses, learn who we are there, and which epoch comes next.

    Raises HostError, SpecError, UsageError.
    """
    draft, hosts = draft_of(directory, spec)
    looks = on_all(
        hosts.values(),
        lambda host: (lease.show(host, draft.host(host.label).run_dir), measure(host, looks=1)),
    )
    course.note_clocks({label: clock for label, (_, clock) in looks.items()})
    return Ground(
        directory=directory,
        spec=spec,
        draft=draft,
        hosts=hosts,
        runtime=runtime_of(draft.runtime),
        owner=lease.this_owner(),
        epoch=max(each.epoch for each, _ in looks.values()) + 1,
        course=course,
    )


def draft_of(directory: RunDir, spec: Spec) -> tuple[Plan, Mapping[str, Host]]:
    """The plan of the newest attempt, or a new one with owners only; and its hosts by label.

    What has begun goes by the plan that it began with: this launcher may be another version.
    """
    if begun := directory.attempts():
        path = directory.plan(begun[-1])
        stored = store.from_json(path.read_bytes(), str(path))
        return stored, _connect(directory, [part.label for part in stored.hosts])
    hosts = _connect(directory, hosts_used(spec))
    return plan(spec, Binding(run_id=directory.run_id, owners=on_all(hosts.values(), owner_on))), hosts


def _connect(directory: RunDir, labels: Iterable[str]) -> dict[str, Host]:
    endpoints = directory.endpoints()
    return {label: connect(endpoints[label]) for label in labels}
