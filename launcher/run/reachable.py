"""A run that shall end while some of its hosts do not answer: it ends on the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from launcher.claims import lease
from launcher.errors import LauncherError
from launcher.hosts import Host
from launcher.hosts.fleet import on_all, try_on_all
from launcher.plan.model import Plan
from launcher.run.attempt import end_gang
from launcher.run.course import Course
from launcher.run.ground import Ground, draft_of
from launcher.run.rundir import RunDir
from launcher.runtime import runtime_of
from launcher.spec.spec import Spec


def end_on(ground: Ground, labels: Collection[str]) -> str:
    """End the ranks of the newest attempt on these hosts, whose lease we have; says on how many.

    Raises LostContact for hosts that are lost meanwhile, Fenced.
    """
    if labels:
        hosts = {label: ground.hosts[label] for label in labels}
        reached = replace(ground, draft=_only(ground.draft, labels), hosts=hosts)
        end_gang(reached, reached.draft)
    return f"ended on {len(labels)} of {len(ground.hosts)} hosts, those that answer"


def end_where_hosts_answer(directory: RunDir, spec: Spec, course: Course) -> str:
    """End the ranks of the newest attempt on all hosts that can be reached; says on how many.

    The run is not over: whoever cancels it when the other hosts are back ends it there, and collects.
    Raises LostContact for hosts that are lost meanwhile, Fenced.
    """
    plan, hosts = draft_of(directory, spec)
    shown = try_on_all(hosts.values(), lambda host: lease.show(host, plan.host(host.label).run_dir))
    leases = {label: each for label, each in shown.items() if not isinstance(each, LauncherError)}
    if leases:
        epoch = max(each.epoch for each in leases.values()) + 1
        _end(directory, spec, course, _only(plan, leases), {label: hosts[label] for label in leases}, epoch)
    return f"ended on {len(leases)} of {len(hosts)} hosts, those that answer"


def _only(plan: Plan, labels: Collection[str]) -> Plan:
    """The part of a plan that these hosts have."""
    return replace(
        plan,
        hosts=tuple(part for part in plan.hosts if part.label in labels),
        members=tuple(member for member in plan.members if member.host in labels),
    )


def _end(
    directory: RunDir, spec: Spec, course: Course, plan: Plan, hosts: Mapping[str, Host], epoch: int
) -> None:
    ground = Ground(
        directory=directory,
        spec=spec,
        draft=plan,
        hosts=hosts,
        runtime=runtime_of(plan.runtime),
        owner=lease.this_owner(),
        epoch=epoch,
        course=course,
    )
    on_all(hosts.values(), ground.take_lease)
    course.events.write("supervisor", owner=ground.owner, epoch=epoch)
    end_gang(ground, plan)
