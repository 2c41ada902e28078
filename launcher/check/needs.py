"""What a cluster and a job need of each host. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from posixpath import basename

from launcher.check.host_needs import HostNeeds, Source
from launcher.check.npu_needs import NpuNeeds, hccl_ports, npu_needs
from launcher.check.pings import all_pairs
from launcher.errors import SpecError
from launcher.npu import docker_runtime
from launcher.plan.containers import managers, needs_sudo
from launcher.plan.model import SCHEDULER, Container, HostPlan, Member, Plan
from launcher.spec.cluster import Cluster, Host, RuntimeKind
from launcher.spec.job import Job, Launch
from launcher.spec.spec import Spec

_ROOT = ("root", "0", "0:0", "root:root")


def before_a_run(needs: HostNeeds) -> HostNeeds:
    """What can make a run fail, and no more; devices that others hold are left to its lock phase."""
    npus = None if needs.npus is None else needs.npus.only_what_counts()
    return replace(needs, holders_are_refused=False, advice=False, npus=npus)


def in_depth(needs: Mapping[str, HostNeeds]) -> dict[str, HostNeeds]:
    """The same, with whole files compared, and pings between all NPUs that meet NPUs of other hosts."""
    npus = {label: each.npus for label, each in needs.items() if each.npus is not None}
    peers = all_pairs({label: each.ips for label, each in npus.items() if each.meet})
    return {
        label: replace(
            each,
            is_deep=True,
            npus=replace(npus[label], peers=peers.get(label, ())) if label in npus else None,
        )
        for label, each in needs.items()
    }


def of_cluster(cluster: Cluster) -> dict[str, HostNeeds]:
    """What a cluster needs whatever the job, by host label."""
    hosts = {host.label: host for host in cluster.hosts}
    needs = {label: _of_host(cluster, host, len(hosts)) for label, host in hosts.items()}
    if not cluster.device.is_ascend:
        return needs
    devices = {label: cluster.devices_of(host) for label, host in hosts.items()}
    npus = npu_needs(cluster, devices, hosts, Launch.RANK_TABLE)
    return {label: _with_npus(cluster, each, npus.get(label)) for label, each in needs.items()}


def _with_npus(cluster: Cluster, needs: HostNeeds, npus: NpuNeeds | None) -> HostNeeds:
    if npus is None:
        return needs
    driver = cluster.driver
    nodes = tuple(f"/dev/davinci{device}" for device in npus.devices)
    files = (driver.root, driver.dcmi, driver.npu_smi, driver.install_info, driver.hccn_conf)
    given = (*nodes, *managers(driver), *files, *([driver.queue_schedule] if driver.queue_schedule else ()))
    runtime = docker_runtime.NAME if driver.docker_runtime else None
    return replace(
        needs, npus=npus, device_nodes=nodes, paths=given, hccl_ports=hccl_ports({}), oci_runtime=runtime
    )


def of_job(spec: Spec, draft: Plan) -> dict[str, HostNeeds]:
    """What a job needs of each host that its plan uses, by host label.

    Raises SpecError where `needs.packages` holds what is no requirement.
    """
    packages_are_requirements(spec)
    hosts = {host.label: host for host in spec.cluster.hosts}
    needs = {part.label: _with_job(spec, draft, part, hosts[part.label]) for part in draft.hosts}
    if not spec.cluster.device.is_ascend:
        return needs
    devices = {part.label: _devices(draft, part) for part in draft.hosts}
    npus = npu_needs(spec.cluster, devices, hosts, Launch(draft.launch))
    ports = hccl_ports(spec.job.env) if draft.launch == Launch.DYNAMIC.value else ()
    return {
        label: replace(each, npus=npus.get(label), hccl_ports=ports, hccl_ports_are_used=bool(ports))
        for label, each in needs.items()
    }


def _devices(draft: Plan, part: HostPlan) -> tuple[int, ...]:
    return tuple(sorted(each.device for each in draft.members_of(part) if each.device is not None))


def packages_are_requirements(spec: Spec) -> None:
    """Raises SpecError naming each of `needs.packages` that PEP 508 does not know."""
    from packaging.requirements import InvalidRequirement, Requirement

    problems = []
    for index, text in enumerate(spec.job.needs.packages):
        try:
            Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            path = ("needs", "packages", index)
            problems.append(spec.problem("job", path, f"not a Python requirement: {text!r}: {reason}"))
    if problems:
        raise SpecError(problems)


def _of_host(cluster: Cluster, host: Host, hosts: int) -> HostNeeds:
    kind = "npu" if cluster.device.is_ascend else "cpu"
    return HostNeeds(
        work_dir=host.work_dir or cluster.work_dir,
        processes=cluster.runtime is RuntimeKind.PROCESS,
        path=":".join(host.path if host.path is not None else cluster.path),
        locks=tuple(f"{kind}-{device}" for device in cluster.devices_of(host)),
        sudo=needs_sudo(cluster, host),
        hosts=hosts,
        host_ip=host.host_ip if hosts > 1 else None,
        ifname=host.ifname if cluster.device.is_ascend else None,
    )


def _with_job(spec: Spec, draft: Plan, part: HostPlan, host: Host) -> HostNeeds:
    job = spec.job
    alone = _of_host(spec.cluster, host, len(draft.hosts))
    members = draft.members_of(part)
    containers = [member.container for member in members if member.container is not None]
    return replace(
        alone,
        locks=part.locks,
        ranks=sum(member.rank is not None for member in members),
        memory_per_rank=job.needs.memory_per_rank,
        disk=job.needs.disk,
        scheduler=any(member.key == SCHEDULER for member in members),
        secrets=bool(job.secrets),
        sudo=part.sudo,
        root_in_containers=job.user in _ROOT,
        meets_by_address=draft.launch == Launch.DYNAMIC.value,
        image=None if alone.processes else job.image,
        registry=spec.cluster.registry,
        oci_runtime=next((each.runtime for each in containers if each.runtime), None),
        paths=tuple(dict.fromkeys(path for each in containers for path in _given(each))),
        device_nodes=tuple(f"/dev/davinci{member.device}" for member in members if _is_npu(spec, member)),
        sources=tuple(_sources(job, alone.processes)),
        packages=job.needs.packages if alone.processes else (),
        env=tuple(sorted(job.env.items())),
        python=_python_of(job),
    )


def _sources(job: Job, processes: bool) -> Iterator[Source]:
    for name, volume in job.volumes.items():
        if (
            name == "code" or volume.source is None
        ):  # a snapshot is uploaded; the run has a directory of its own
            continue
        read_only = volume.read_only if volume.read_only is not None else name != "output"
        yield Source(name, volume.source, not read_only, processes and not read_only)


def _is_npu(spec: Spec, member: Member) -> bool:
    return spec.cluster.device.is_ascend and member.device is not None


def _given(container: Container) -> Iterator[str]:
    """What of the host a container gets that is there before the run: what is the driver's keeps its path."""
    yield from container.devices
    yield from (mount.source for mount in container.mounts if mount.source == mount.target)


def _python_of(job: Job) -> str | None:
    command = job.command or ("",)
    return command[0] if basename(command[0]).startswith("python") else None
