"""Spec and Binding to Plan. Pure: equal arguments give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import groupby

from jinja2 import UndefinedError

from launcher.errors import Problem, SpecError
from launcher.plan.containers import clashing_volumes
from launcher.plan.environment import Rendezvous, hccl_problem
from launcher.plan.hosts import host_plan, stop_grace
from launcher.plan.members import members_on
from launcher.plan.model import Binding, HostPlan, Member, Plan, Policy
from launcher.plan.placement import PlacementError, Slot, place
from launcher.plan.rank_tables import rank_table
from launcher.plan.scripts import Renderer, ScriptError
from launcher.plan.site import Gang, site
from launcher.plan.store import signed
from launcher.rank_table import RankTableError
from launcher.spec.cluster import Host
from launcher.spec.job import Job, Launch
from launcher.spec.spec import Spec


def plan(spec: Spec, binding: Binding | None = None) -> Plan:
    """Everything that `run` would do; without a binding its fields are named placeholders.

    Raises SpecError when the job does not fit the cluster, or a template asks for what it is not given.
    """
    return plan_and_json(spec, binding)[0]


def plan_and_json(spec: Spec, binding: Binding | None = None) -> tuple[Plan, bytes]:
    """The plan, and the JSON that it is stored as. Raises SpecError as `plan` does."""
    slots = _placed(spec)
    gang = Gang(spec.cluster, spec.job, binding or Binding(), _rendezvous(spec, slots))
    table = _rank_table(spec, slots) if gang.meet.launch is Launch.RANK_TABLE else None
    parts = list(_parts(spec, gang, slots))
    made = Plan(
        job=spec.job.name,
        cluster=spec.cluster.name,
        device=spec.cluster.device.value,
        runtime=spec.cluster.runtime.value,
        launch=gang.meet.launch.value,
        ranks=len(slots),
        binding=gang.binding,
        policy=_policy(gang),
        secrets=spec.job.secrets,
        hosts=tuple(host for host, _ in parts),
        members=tuple(member for _, members in parts for member in members),
        rank_table=table,
    )
    return signed(made)


def hosts_used(spec: Spec) -> list[str]:
    """Labels of the hosts that the job uses, in rank order. Raises SpecError."""
    return list(dict.fromkeys(slot.host.label for slot in _placed(spec)))


def _placed(spec: Spec) -> tuple[Slot, ...]:
    try:
        return place(spec.cluster, spec.job)
    except PlacementError as error:
        raise SpecError([spec.problem("job", error.path, str(error))]) from error


def _rendezvous(spec: Spec, slots: Sequence[Slot]) -> Rendezvous:
    launch = spec.job.launch_on(spec.cluster.device, len(slots))
    hosts = dict.fromkeys(slot.host.label for slot in slots)
    first = slots[0].host
    problems = list(_rendezvous_problems(spec, launch, slots, len(hosts)))
    if problems:
        raise SpecError(problems)
    return Rendezvous(launch, len(slots), first.host_ip or "127.0.0.1")


def _rendezvous_problems(spec: Spec, launch: Launch, slots: Sequence[Slot], hosts: int) -> Iterator[Problem]:
    if launch is Launch.RANK_TABLE and slots[0].device is None:
        yield spec.problem("job", ("launch",), "ranks without a device cannot be in a rank table")
    if spec.cluster.device.is_ascend and (message := hccl_problem(spec.job)):
        yield spec.problem("job", ("env", "HCCL_EXEC_TIMEOUT"), message)
    if hosts > 1 and launch is not Launch.NONE:
        used = {slot.host.label for slot in slots}
        for index, host in enumerate(spec.cluster.hosts):
            if host.label in used and (message := _address_problem(host)):
                yield spec.problem("cluster", ("hosts", index, "host_ip"), message)


def _address_problem(host: Host) -> str | None:
    if host.host_ip is not None and not ip_address(host.host_ip).is_loopback:
        return None
    lack = "no host_ip" if host.host_ip is None else f"host_ip {host.host_ip} is loopback"
    return f"host {host.label}: {lack}; a job over several hosts needs each one's address on their network"


def _rank_table(spec: Spec, slots: Sequence[Slot]) -> str:
    try:
        return rank_table(spec.cluster, slots)
    except RankTableError as error:
        problems = [
            spec.problem("cluster", ("hosts",), f"rank table: {finding}") for finding in error.findings
        ]
        raise SpecError(problems) from error


def _parts(spec: Spec, gang: Gang, slots: Sequence[Slot]) -> Iterator[tuple[HostPlan, tuple[Member, ...]]]:
    """Hosts in rank order, each with its members; the ranks of a host are contiguous."""
    renderer = Renderer(spec.templates)
    for _, group in groupby(slots, key=lambda slot: slot.host.label):
        of_host = list(group)
        where = site(gang, of_host[0].host)
        scheduler = gang.meet.launch is Launch.DYNAMIC and of_host[0].rank == 0
        members = members_on(gang, where, of_host, scheduler=scheduler)
        _volumes_do_not_clash(spec, members[-1])
        try:
            yield host_plan(gang, renderer, where, members), members
        except ScriptError as error:
            problem = Problem(f"the script cannot be made: {error}", error.template, error.line, 1)
            raise SpecError([problem], hint=_hint(spec.job, error)) from error


def _hint(job: Job, error: ScriptError) -> str | None:
    if not isinstance(error.__cause__, UndefinedError):
        return None
    given = ", ".join(job.script.parameters) if job.script else ""
    return f"script.parameters has {given or 'nothing'}; add one by --set script.parameters.NAME=VALUE"


def _volumes_do_not_clash(spec: Spec, member: Member) -> None:
    clashing = clashing_volumes(spec.job, member.container) if member.container else []
    if clashing:
        message = "the launcher mounts something there itself: choose another target"
        raise SpecError([spec.problem("job", ("volumes", name, "target"), message) for name in clashing])


def _policy(gang: Gang) -> Policy:
    job = gang.job
    return Policy(
        on_failure=job.on_failure.value,
        start_timeout=job.timeouts.start,
        run_timeout=job.timeouts.run,
        stop_grace=stop_grace(gang),
        cancel_grace=job.timeouts.cancel_grace,
        restart_max=job.restart.max,
        restart_delay=job.restart.delay,
        restart_exit_codes=job.restart.exit_codes,
        collect=job.collect,
    )
