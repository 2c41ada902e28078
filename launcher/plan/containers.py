"""What Docker is told for each member of the gang, and the same as `docker run` words. Pure.

Devices, mounts, shared memory and limits as the vendor's documents have them: CANN container images
(OVERVIEW), MindCluster's Ascend Docker Runtime (base.list), instg_0059 on https://www.hiascend.com.
No --privileged: it would show every NPU to every rank. Never ASCEND_RT_VISIBLE_DEVICES: where only its own
node is mapped, it would count among the mapped ones and be out of range.
"""

from __future__ import annotations

import re
from functools import lru_cache
from posixpath import normpath

from launcher.npu import docker_runtime
from launcher.plan.environment import identity
from launcher.plan.model import Container, Mount
from launcher.plan.site import INSIDE, Gang, Site
from launcher.spec.cluster import Cluster, Driver, Host
from launcher.spec.job import Job, Launch

_MANAGERS = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
_CANN_ON_HOST = "/usr/local/Ascend"
_SECURITY = ("no-new-privileges", "label=disable")
_ULIMITS = ("nofile=65535:65535",)
_NEEDS_CSV_QUOTES = re.compile(r'[,"\r\n]')


class Shared:
    """What the containers of one host have in common, made once."""

    def __init__(self, gang: Gang, place: Site) -> None:
        cluster, job = gang.cluster, gang.job
        self.gang = gang
        self.place = place
        self.ascend = cluster.device.is_ascend
        self.by_runtime = cluster.driver.docker_runtime
        """The Ascend Docker Runtime maps devices and most of the driver."""
        self.user = job.user or f"{place.owner.uid}:{place.owner.gid}"
        gid = place.host.device_gid
        self.groups = () if gid is None else (str(gid),)
        self.driver = _driver_mounts(cluster.driver, job)
        self.own = _own_mounts(gang, place)
        self.volumes = _volume_mounts(job, place)
        self.labels = (
            ("launcher.schema", "1"),
            ("launcher.run", gang.binding.run_id),
            ("launcher.attempt", gang.binding.attempt),
            ("launcher.job", job.name),
            ("launcher.owner", place.owner.uid),
        )


def container(shared: Shared, key: str, device: int | None, script: str) -> Container:
    """The container of one member; only a rank with a device sees an NPU and the driver."""
    binding = shared.gang.binding
    npu = device if shared.ascend else None
    mapped = npu is not None and not shared.by_runtime
    injected = npu is not None and shared.by_runtime
    visible = ((docker_runtime.VISIBLE, str(npu)),) if injected else ()
    return Container(
        name=f"{binding.run_id}-{binding.attempt}-{key}",
        image=shared.gang.job.image or "",
        hostname=f"r{key}-{binding.run_id[-6:]}",  # unique: MindSpore counts the ranks of a host by it
        user=shared.user,
        groups=shared.groups if npu is not None else (),
        devices=(f"/dev/davinci{npu}", *managers(shared.gang.cluster.driver)) if mapped else (),
        mounts=(
            *(shared.driver if npu is not None else ()),
            *_member_mounts(shared.place, key, script),
            *shared.own,
            *shared.volumes,
        ),
        environment=identity(binding, key) + visible,
        labels=(*shared.labels, ("launcher.rank", key)),
        runtime=docker_runtime.NAME if injected else None,
        network="host",  # HCCL tells servers apart by address
        ipc="host",
        init=True,
        security=_SECURITY,
        ulimits=_ULIMITS,
        command=("/bin/sh", f"{INSIDE}/{script}"),
    )


def managers(driver: Driver) -> tuple[str, ...]:
    """Device nodes that every rank with an NPU gets besides that of the NPU."""
    return (*_MANAGERS, *([driver.dvpp_cmdlist] if driver.dvpp_cmdlist else ()))


def docker_words(
    spec: Container, *, sudo: bool = False, how: tuple[str, ...] = ("--detach",)
) -> tuple[str, ...]:
    """The words of `docker run` that make and start the same container by hand."""
    options = [f"--name={spec.name}", f"--hostname={spec.hostname}", f"--user={spec.user}"]
    options += [f"--group-add={group}" for group in spec.groups]
    options += [f"--network={spec.network}", f"--ipc={spec.ipc}", *(["--init"] if spec.init else [])]
    options += [f"--security-opt={option}" for option in spec.security]
    options += [f"--ulimit={limit}" for limit in spec.ulimits]
    options += [f"--runtime={spec.runtime}"] if spec.runtime else []
    options += [f"--device={device}" for device in spec.devices]
    options += [_mount_word(mount) for mount in spec.mounts]
    options += [f"--env={name}={value}" for name, value in spec.environment]
    options += [f"--label={name}={value}" for name, value in spec.labels]
    options += ["--pull=never", f"--entrypoint={spec.command[0]}"]
    before = ("sudo",) if sudo else ()
    return (*before, "docker", "run", *how, *options, spec.image, *spec.command[1:])


def clashing_volumes(job: Job, spec: Container) -> list[str]:
    """Volumes whose target a mount of the launcher or of the driver has already."""
    volumes = {normpath(volume.target) for volume in job.volumes.values() if volume.target}
    others = {mount.target for mount in spec.mounts[: len(spec.mounts) - len(job.volumes)]}
    clashing = volumes & others
    return [
        name for name, volume in job.volumes.items() if volume.target and normpath(volume.target) in clashing
    ]


def needs_sudo(cluster: Cluster, host: Host) -> bool:
    """Whether Docker is called through sudo on a host."""
    own = host.ssh is not None and "sudo" in host.ssh.model_fields_set
    return host.ssh.sudo if own and host.ssh else cluster.ssh.sudo


@lru_cache(maxsize=4096)
def _mount_word(mount: Mount) -> str:
    """A comma, a quote or a line break in a path is quoted as in CSV, which is what Docker reads."""
    fields = [f"source={mount.source}", f"target={mount.target}", *(["readonly"] if mount.read_only else [])]
    return "--mount=type=bind," + ",".join(map(_csv_field, fields))


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_CSV_QUOTES.search(text) else text


def _driver_mounts(driver: Driver, job: Job) -> tuple[Mount, ...]:
    """Read-only. The Ascend Docker Runtime brings lib64, include, dcmi, npu-smi, queues, but not the rest."""
    paths = [driver.install_info, driver.hccn_conf]
    if driver.docker_runtime:
        of_driver = [f"{driver.root}/version.info", f"{driver.root}/tools/hccn_tool"]
    else:
        of_driver = [driver.root]
        paths = [
            driver.dcmi,
            driver.npu_smi,
            *paths,
            *([driver.queue_schedule] if driver.queue_schedule else ()),
        ]
    if job.cann == "host":
        of_driver = [path for path in of_driver if not path.startswith(f"{_CANN_ON_HOST}/")]
        of_driver.insert(0, _CANN_ON_HOST)
    return tuple(Mount(source=path, target=path, read_only=True) for path in (*of_driver, *paths))


def _member_mounts(place: Site, key: str, script: str) -> tuple[Mount, ...]:
    source, target = f"{place.layout.attempt_dir}/{script}", f"{INSIDE}/{script}"
    return (
        Mount(source=source, target=target, read_only=True),
        Mount(source=place.layout.log(key), target=place.seen(key).log, read_only=False),
    )


def _own_mounts(gang: Gang, place: Site) -> tuple[Mount, ...]:
    sources, seen = place.sources(""), place.seen("")
    has_table = gang.meet.launch is Launch.RANK_TABLE
    files = [(sources.rank_table, seen.rank_table)] if has_table else []
    files += [(sources.secrets, seen.secrets)] if place.secrets else []
    return (
        Mount(source=sources.state, target=seen.state, read_only=False),
        Mount(source=sources.lease, target=seen.lease, read_only=True),
        *(Mount(source=source, target=target, read_only=True) for source, target in files),
    )


def _volume_mounts(job: Job, place: Site) -> tuple[Mount, ...]:
    """Outer directories first, so that nested volumes lie on top."""
    mounts = [
        Mount(source=source, target=target, read_only=_is_read_only(job, name))
        for (name, source), (_, target) in zip(place.volumes, place.seen_volumes, strict=True)
    ]
    return tuple(sorted(mounts, key=lambda mount: (normpath(mount.target).count("/"), mount.target)))


def _is_read_only(job: Job, name: str) -> bool:
    chosen = True if name == "code" else job.volumes[name].read_only  # other runs share the snapshot
    return name != "output" if chosen is None else chosen
