"""Spec and Binding to Plan. Pure: equal arguments give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

from jinja2 import TemplateError

from launcher.errors import SpecError
from launcher.plan.environment import Rendezvous
from launcher.plan.hosts import DEFAULT_TEMPLATE, host_plan, stop_grace
from launcher.plan.members import Gang, rank_member, scheduler_member
from launcher.plan.model import Binding, HostPlan, Member, Plan, Policy
from launcher.plan.placement import PlacementError, Slot, place
from launcher.plan.rank_tables import rank_table
from launcher.plan.scripts import Renderer
from launcher.plan.store import digest
from launcher.rank_table import RankTableError
from launcher.spec.cluster import Host
from launcher.spec.job import Job, Launch
from launcher.spec.load import Spec


def plan(spec: Spec, binding: Binding | None = None) -> Plan:
    """Everything that `run` would do; without a binding its fields are named placeholders.

    Raises SpecError when the job does not fit the cluster, or a template asks for what it is not given.
    """
    slots = _placed(spec)
    gang = Gang(spec.cluster, spec.job, binding or Binding(), _rendezvous(spec, slots))
    members = tuple(_members(gang, slots))
    table = _rank_table(spec, slots) if gang.meet.launch is Launch.RANK_TABLE else None
    unsigned = Plan(
        job=spec.job.name,
        cluster=spec.cluster.name,
        device=spec.cluster.device.value,
        runtime=spec.cluster.runtime.value,
        launch=gang.meet.launch.value,
        ranks=len(slots),
        binding=gang.binding,
        policy=_policy(gang),
        secrets=spec.job.secrets,
        hosts=tuple(_host_plans(spec, gang, slots, members, table)),
        members=members,
        rank_table=table,
    )
    return replace(unsigned, digest=digest(unsigned))


def launch_of(cluster_is_ascend: bool, job: Job, ranks: int) -> Launch:
    """How ranks meet where the job file leaves it open: not at all when there is one, or no device."""
    if job.launch is not None:
        return job.launch
    if ranks == 1 or not job.devices_per_rank:
        return Launch.NONE
    return Launch.RANK_TABLE if cluster_is_ascend else Launch.DYNAMIC


def _placed(spec: Spec) -> tuple[Slot, ...]:
    try:
        return place(spec.cluster, spec.job)
    except PlacementError as error:
        raise SpecError([spec.problem("job", error.path, str(error))]) from error


def _rendezvous(spec: Spec, slots: Sequence[Slot]) -> Rendezvous:
    launch = launch_of(spec.cluster.device.is_ascend, spec.job, len(slots))
    hosts = _hosts(slots)
    if len(hosts) > 1 and launch is not Launch.NONE:
        _addresses_are_known(spec, hosts)
    return Rendezvous(launch, len(slots), hosts[0].host_ip or "127.0.0.1")


def _addresses_are_known(spec: Spec, hosts: Sequence[Host]) -> None:
    problems = [
        spec.problem(
            "cluster",
            ("hosts", spec.cluster.hosts.index(host), "host_ip"),
            f"host {host.label}: {'no host_ip' if host.host_ip is None else 'host_ip is loopback'}; a job "
            "over several hosts needs the address of each on the training network",
        )
        for host in hosts
        if host.host_ip is None or ip_address(host.host_ip).is_loopback
    ]
    if problems:
        raise SpecError(problems)


def _hosts(slots: Sequence[Slot]) -> tuple[Host, ...]:
    """Hosts in rank order; ranks of a host are contiguous."""
    return tuple({slot.host.label: slot.host for slot in slots}.values())


def _members(gang: Gang, slots: Sequence[Slot]) -> Iterator[Member]:
    if gang.meet.launch is Launch.DYNAMIC:
        yield scheduler_member(gang, slots[0].host)
    for slot in slots:
        yield rank_member(gang, slot)


def _rank_table(spec: Spec, slots: Sequence[Slot]) -> str:
    try:
        return rank_table(spec.cluster, slots)
    except RankTableError as error:
        problems = [
            spec.problem("cluster", ("hosts",), f"rank table: {finding}") for finding in error.findings
        ]
        raise SpecError(problems) from error


def _host_plans(
    spec: Spec, gang: Gang, slots: Sequence[Slot], members: Sequence[Member], table: str | None
) -> Iterator[HostPlan]:
    renderer = Renderer(spec.templates)
    of_host: Mapping[str, list[Member]] = {host.label: [] for host in _hosts(slots)}
    for member in members:
        of_host[member.host].append(member)
    for host in _hosts(slots):
        try:
            yield host_plan(gang, renderer, host, of_host[host.label], table)
        except (TemplateError, ValueError) as error:
            name = spec.job.script.template if spec.job.script else DEFAULT_TEMPLATE
            raise SpecError([spec.problem("job", ("script",), f"template {name}: {error}")]) from error


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
