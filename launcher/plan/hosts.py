"""What each host gets: scripts, rank table, directories, locks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from launcher.plan import layout
from launcher.plan.containers import docker_words
from launcher.plan.environment import identity
from launcher.plan.members import Gang
from launcher.plan.model import HostPlan, Member
from launcher.plan.scripts import Renderer
from launcher.spec.cluster import Host

DEFAULT_TEMPLATE = "rank.sh.j2"
HOST_TEMPLATES = {"process": "host-process.sh.j2", "docker": "host-docker.sh.j2"}


def host_plan(
    gang: Gang, renderer: Renderer, host: Host, members: Sequence[Member], rank_table: str | None
) -> HostPlan:
    """The part of the plan that concerns one host. Raises jinja2.TemplateError, ValueError."""
    place = gang.layout(host)
    directories = (
        place.checkpoints,
        place.state,
        *(path for member in members for path in (member.log_dir, f"{member.log_dir}/ms_log")),
    )
    return HostPlan(
        label=host.label,
        address=host.address,
        work_dir=place.work_dir,
        run_dir=place.run_dir,
        attempt_dir=place.attempt_dir,
        code_dir=place.code(gang.binding.code) if "code" in gang.job.volumes else None,
        secrets_file=gang.secrets_file(host),
        locks=tuple(_lock(gang, member.device) for member in members if member.device is not None),
        members=tuple(member.key for member in members),
        directories=directories,
        files=tuple(_files(gang, renderer, host, members, directories, rank_table)),
    )


def _lock(gang: Gang, device: int) -> str:
    return f"{'npu' if gang.cluster.device.is_ascend else 'cpu'}-{device}"


def _files(
    gang: Gang,
    renderer: Renderer,
    host: Host,
    members: Sequence[Member],
    directories: Sequence[str],
    rank_table: str | None,
) -> Iterator[tuple[str, str]]:
    if rank_table is not None:
        yield layout.RANK_TABLE, rank_table
    template = gang.job.script.template if gang.job.script else DEFAULT_TEMPLATE
    shared = _job_values(gang)
    for member in members:
        yield member.script, renderer.render(template, {**shared, **_member_values(gang, host, member)})
    values = _host_values(gang, host, members, directories)
    yield layout.host_script(host.label), renderer.render(HOST_TEMPLATES[gang.cluster.runtime.value], values)


def _job_values(gang: Gang) -> Mapping[str, Any]:
    timeouts = gang.job.timeouts
    return {
        "job": gang.job.name,
        "run": gang.binding.run_id,
        "attempt": gang.binding.attempt,
        "ranks": gang.meet.ranks,
        "device": gang.cluster.device.value,
        "ascend": gang.cluster.device.is_ascend,
        "parameters": gang.job.script.parameters if gang.job.script else {},
        "command": gang.job.command or (),
        "secrets": gang.job.secrets,
        "log_bytes": gang.job.limits.log_bytes,
        "orphan_grace": int(timeouts.orphan_grace),
        "max_unattended": None if timeouts.max_unattended is None else int(timeouts.max_unattended),
        "stop_grace": stop_grace(gang),
    }


def stop_grace(gang: Gang) -> float:
    """Seconds from TERM to KILL: on Ascend long enough for the NPU to be let go."""
    default = 5.0 if gang.cluster.device.is_ascend else 1.0
    chosen = gang.job.timeouts.stop_grace
    return default if chosen is None else chosen


def _member_values(gang: Gang, host: Host, member: Member) -> Mapping[str, Any]:
    paths = gang.seen(host, member.key)
    return {
        "key": member.key,
        "rank": member.rank,
        "host": host.label,
        "environment": member.environment,
        "paths": paths,
        "volumes": dict(paths.volumes),
    }


def _host_values(
    gang: Gang, host: Host, members: Sequence[Member], directories: Sequence[str]
) -> Mapping[str, Any]:
    place = gang.layout(host)
    return {
        "host": host.label,
        "run": gang.binding.run_id,
        "attempt_dir": place.attempt_dir,
        "state": place.state,
        "directories": directories,
        "secrets_file": gang.secrets_file(host),
        "path": ":".join(host.path if host.path is not None else gang.cluster.path),
        "members": [
            {
                "key": member.key,
                "script": f"{place.attempt_dir}/{member.script}",
                "identity": [f"{name}={value}" for name, value in identity(gang.binding, member.key)],
                "docker": docker_words(member.container) if member.container else (),
            }
            for member in members
        ],
    }
