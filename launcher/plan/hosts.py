"""What each host gets: scripts, directories, locks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from launcher.plan import layout
from launcher.plan.containers import docker_words, needs_sudo
from launcher.plan.environment import identity
from launcher.plan.model import HostPlan, Member
from launcher.plan.scripts import Renderer
from launcher.plan.site import Gang, Site
from launcher.spec.job import OnFailure

DEFAULT_TEMPLATE = "rank.sh.j2"
HOST_TEMPLATES = {"process": "host-process.sh.j2", "docker": "host-docker.sh.j2"}


def host_plan(gang: Gang, renderer: Renderer, place: Site, members: Sequence[Member]) -> HostPlan:
    """The part of the plan that concerns one host. Raises ScriptError."""
    paths = place.layout
    directories = tuple(_directories(gang, place, members))
    return HostPlan(
        label=place.host.label,
        address=place.host.address,
        work_dir=paths.work_dir,
        run_dir=paths.run_dir,
        attempt_dir=paths.attempt_dir,
        code_dir=paths.code(gang.binding.code) if "code" in gang.job.volumes else None,
        secrets_file=place.secrets,
        locks=tuple(_lock(gang, member.device) for member in members if member.device is not None),
        members=tuple(member.key for member in members),
        directories=directories,
        sudo=gang.in_containers and needs_sudo(gang.cluster, place.host),
        files=tuple(_files(gang, renderer, place, members, directories)),
    )


def stop_grace(gang: Gang) -> float:
    """Seconds from TERM to KILL: on Ascend long enough for the NPU to be let go."""
    default = 5.0 if gang.cluster.device.is_ascend else 1.0
    chosen = gang.job.timeouts.stop_grace
    return default if chosen is None else chosen


def _lock(gang: Gang, device: int) -> str:
    return f"{'npu' if gang.cluster.device.is_ascend else 'cpu'}-{device}"


def _directories(gang: Gang, place: Site, members: Sequence[Member]) -> Iterator[str]:
    """Docker makes no missing source of a bind mount, and MindSpore no directory for its logs."""
    yield place.layout.lease
    yield place.layout.state
    yield place.layout.checkpoints
    if "output" in gang.job.volumes and gang.job.volumes["output"].source:
        yield dict(place.volumes)["output"]
    for member in members:
        yield f"{member.log_dir}/ms_log"
        if gang.cluster.device.is_ascend and member.device is not None:
            yield f"{member.log_dir}/plog"


def _files(
    gang: Gang, renderer: Renderer, place: Site, members: Sequence[Member], directories: Sequence[str]
) -> Iterator[tuple[str, str]]:
    template = gang.job.script.template if gang.job.script else DEFAULT_TEMPLATE
    shared = _job_values(gang)
    for member in members:
        yield member.script, renderer.render(template, {**shared, **_member_values(gang, place, member)})
    values = _host_values(gang, place, members, directories)
    name = layout.host_script(place.host.label)
    yield name, renderer.render(HOST_TEMPLATES[gang.cluster.runtime.value], values)


def _job_values(gang: Gang) -> Mapping[str, Any]:
    timeouts = gang.job.timeouts
    return {
        "job": gang.job.name,
        "run": gang.binding.run_id,
        "attempt": gang.binding.attempt,
        "ranks": gang.meet.ranks,
        "device": gang.cluster.device.value,
        "ascend": gang.cluster.device.is_ascend,
        "in_container": gang.in_containers,
        "driver": gang.cluster.driver.root,
        "parameters": gang.job.script.parameters if gang.job.script else {},
        "command": gang.job.command or (),
        "secrets": gang.job.secrets,
        "log_bytes": gang.job.limits.log_bytes,
        "stop_all": gang.job.on_failure is OnFailure.STOP_ALL,
        "orphan_grace": int(timeouts.orphan_grace),
        "max_unattended": None if timeouts.max_unattended is None else int(timeouts.max_unattended),
        "stop_grace": f"{stop_grace(gang):g}",
    }


def _member_values(gang: Gang, place: Site, member: Member) -> Mapping[str, Any]:
    paths = place.seen(member.key)
    return {
        "key": member.key,
        "rank": member.rank,
        "host": place.host.label,
        "environment": member.environment,
        "log_dir": paths.log,
        "state_dir": paths.state,
        "lease_dir": paths.lease,
        "secrets_file": paths.secrets,
        "volumes": dict(paths.volumes),
        "given_to": _given_to(gang, place, member),
    }


def _given_to(gang: Gang, place: Site, member: Member) -> tuple[str, ...]:
    """Words of `chown` for what ranks of another user leave in the run's own directories."""
    if gang.job.user is None or not gang.in_containers:
        return ()
    seen = place.seen(member.key)
    own = [path for name, path in seen.volumes if dict(place.volumes)[name] == place.layout.checkpoints]
    return (f"{place.owner.uid}:{place.owner.gid}", seen.log, *own)


def _host_values(
    gang: Gang, place: Site, members: Sequence[Member], directories: Sequence[str]
) -> Mapping[str, Any]:
    sudo = needs_sudo(gang.cluster, place.host)
    host_path = place.host.path if place.host.path is not None else gang.cluster.path
    return {
        "host": place.host.label,
        "run": gang.binding.run_id,
        "sudo": ("sudo",) if sudo else (),
        "state_dir": place.layout.state,
        "directories": directories,
        "secrets_file": place.secrets,
        "path": ":".join(host_path),
        "members": [
            {
                "key": member.key,
                "script": f"{place.layout.attempt_dir}/{member.script}",
                "identity": [f"{name}={value}" for name, value in identity(gang.binding, member.key)],
                "name": member.container.name if member.container else "",
                "docker": docker_words(member.container, sudo=sudo) if member.container else (),
            }
            for member in members
        ],
    }
