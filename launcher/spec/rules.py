"""Rules between keys, and between the cluster and the job."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from launcher.errors import Problem
from launcher.spec.cluster import Cluster, DeviceKind, Host, RuntimeKind
from launcher.spec.job import Job, Launch, Volume
from launcher.spec.tree import Node, Path
from launcher.spec.wording import quoted, some

_LAST_DEVICE = {DeviceKind.ASCEND910: 7, DeviceKind.ASCEND910B: 7, DeviceKind.ASCEND910_93: 15}
_SET_BY_LAUNCHER = frozenset(
    (
        "RANK_ID",
        "RANK_SIZE",
        "DEVICE_ID",
        "RANK_TABLE_FILE",
        "MS_ROLE",
        "MS_NODE_ID",
        "MS_WORKER_NUM",
        "MS_SCHED_HOST",
        "MS_SCHED_PORT",
    )
)


def cluster_problems(cluster: Cluster, tree: Node, *, is_draft: bool = False) -> Iterator[Problem]:
    """What is wrong between the keys of a cluster file; a draft may lack devices, or have those of others."""
    yield from _clashing_hosts(cluster, tree)
    if is_draft:
        return
    for path, message in _shared_device_problems(cluster):
        yield tree.problem(path, message)
    for index, host in enumerate(cluster.hosts):
        for path, message in _device_problems(cluster, host):
            yield tree.problem(("hosts", index, *path), message)


def job_problems(job: Job, tree: Node, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong between the keys of a job file, and with the secrets that it names."""
    for path, message in (*_secret_problems(job, environ), *_env_problems(job), *_volume_problems(job)):
        yield tree.problem(path, message)


def joint_problems(cluster: Cluster, cluster_tree: Node, job: Job, job_tree: Node) -> Iterator[Problem]:
    """What is wrong between the two files."""
    if cluster.runtime is RuntimeKind.DOCKER and job.image is None:
        message = f'missing key "image": the runtime of cluster {cluster.name} is docker'
        yield job_tree.problem((), message)
    for path, message in _launch_problems(cluster.device, job):
        yield job_tree.problem(path, message)


def _clashing_hosts(cluster: Cluster, tree: Node) -> Iterator[Problem]:
    seen: dict[tuple[str, object], int] = {}
    for index, host in enumerate(cluster.hosts):
        for field, value in _identities(host):
            first = seen.setdefault((field, value), index)
            if first != index and not (field == "name" and _told_by_address(cluster.hosts[first], host)):
                written = tree.nearest(("hosts", first, field)).place
                at = f"{written.source.name}:{written.line}" if written.line else written.source.name
                path = ("hosts", index, field if getattr(host, field) else "address")
                shown = quoted(getattr(host, field) or host.label)
                yield tree.problem(path, f"{field} {shown} is given to two hosts: also at {at}")


def _identities(host: Host) -> Iterator[tuple[str, object]]:
    """What no two hosts may share."""
    yield "address", (host.address, _port(host))
    yield "name", host.label
    if host.host_ip is not None:
        yield "host_ip", host.host_ip


def _port(host: Host) -> int | None:
    """One address serves several hosts behind different ports, but there is one machine that is this one."""
    return None if host.is_this_machine or host.ssh is None else host.ssh.port


def _told_by_address(first: Host, second: Host) -> bool:
    unnamed = first.name is None and second.name is None
    return unnamed and _port(first) == _port(second)


def _shared_device_problems(cluster: Cluster) -> Iterator[tuple[Path, str]]:
    lacking = [index for index, host in enumerate(cluster.hosts) if host.devices is None]
    if cluster.devices is None and lacking:
        labels = some([cluster.hosts[index].label for index in lacking])
        yield ("hosts", lacking[0]), f"no `devices` for {labels}, and none for the whole cluster"
    yield from _beyond_last(cluster.device, cluster.devices)


def _device_problems(cluster: Cluster, host: Host) -> Iterator[tuple[Path, str]]:
    yield from _beyond_last(cluster.device, host.devices)
    for field, ids in (("device_ips", host.device_ips), ("super_device_ids", host.super_device_ids)):
        for device in sorted(set(ids) - set(cluster.devices_of(host))):
            yield (field, device), f"device {device} is not among the `devices` of the host"


def _beyond_last(kind: DeviceKind, devices: tuple[int, ...] | None) -> Iterator[tuple[Path, str]]:
    last = _LAST_DEVICE.get(kind)
    if last is not None and devices and max(devices) > last:
        yield ("devices",), f"no device {max(devices)}: a host of {kind.value} has 0 to {last}"


def _launch_problems(device: DeviceKind, job: Job) -> Iterator[tuple[Path, str]]:
    if job.launch is Launch.RANK_TABLE and not device.is_ascend:
        yield ("launch",), "rank_table needs NPUs, and the cluster's device is cpu: use dynamic or none"
    elif job.launch is Launch.RANK_TABLE and job.devices_per_rank == 0:
        yield ("launch",), "ranks without a device cannot be in a rank table: use `launch: dynamic` or `none`"


def _secret_problems(job: Job, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for index, name in enumerate(job.secrets):
        path: Path = ("secrets", index)
        if name in job.secrets[:index]:
            yield path, f"secret {name} is listed twice"
        elif name in job.env:
            yield path, f"{name} is in `env` too: a secret is only named here"
        elif _is_reserved(name):
            yield path, f"{name} is set by the launcher for each rank"
        elif name not in environ:
            yield path, f"secret {name} is not set: export it in the shell that launches"


def _env_problems(job: Job) -> Iterator[tuple[Path, str]]:
    for name in job.env:
        if _is_reserved(name):
            yield ("env", name), f"{name} is set by the launcher for each rank"


def _is_reserved(name: str) -> bool:
    return name in _SET_BY_LAUNCHER or name.startswith("LAUNCHER_")


def _volume_problems(job: Job) -> Iterator[tuple[Path, str]]:
    targets: dict[str, str] = {}
    for name, volume in job.volumes.items():
        if volume.source is None and name != "output":
            yield ("volumes", name), 'missing key "source": only the volume output may leave it out'
        target = _target(name, volume)
        first = targets.setdefault(target, name)
        if target == "/":
            yield ("volumes", name, "target"), "the target / would hide the whole image"
        elif first != name:
            yield ("volumes", name, "target"), f'target {target} is that of volume "{first}" too'


def _target(name: str, volume: Volume) -> str:
    return "/" + posixpath.normpath(volume.target or f"/launcher/{name}").lstrip("/")
