"""What Docker is told for each member of the gang, and the same as `docker run` words. Pure.

Devices and mounts as in the vendor's documents: https://www.hiascend.com (instg_0059), CANN container
images (OVERVIEW). No --privileged: it would show every NPU to every rank.
"""

from __future__ import annotations

from launcher.plan.environment import Pairs, Paths
from launcher.plan.layout import PLAN, RANK_TABLE, Layout, log_name
from launcher.plan.model import Binding, Container, Mount, Owner
from launcher.spec.cluster import Cluster, Driver, Host
from launcher.spec.job import Job

_MANAGERS = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
_INSIDE = "/launcher"
_CANN_ON_HOST = "/usr/local/Ascend"


def inside(job: Job, key: str) -> Paths:
    """Paths that a member sees in its container."""
    return Paths(
        log=f"{_INSIDE}/{log_name(key)}",
        state=f"{_INSIDE}/state",
        lease=f"{_INSIDE}/lease",
        rank_table=f"{_INSIDE}/{RANK_TABLE}",
        secrets=f"{_INSIDE}/secrets",
        volumes=tuple((name, volume.target or f"{_INSIDE}/{name}") for name, volume in job.volumes.items()),
    )


def container(
    cluster: Cluster,
    job: Job,
    host: Host,
    *,
    key: str,
    device: int | None,
    script: str,
    layout: Layout,
    binding: Binding,
    owner: Owner,
    sources: Paths,
    secrets: str | None,
    labels: Pairs,
    environment: Pairs,
) -> Container:
    """The container of one member; `sources` are the same paths on the host."""
    seen = inside(job, key)
    ascend = cluster.device.is_ascend and device is not None
    mapped = ascend and not cluster.driver.docker_runtime
    return Container(
        name=f"{binding.run_id}-{binding.attempt}-{key}",
        image=job.image or "",
        hostname=f"r{key}-{binding.run_id[-6:]}",
        user=job.user or f"{owner.uid}:{owner.gid}",
        groups=(str(host.device_gid),) if ascend and host.device_gid is not None else (),
        devices=(f"/dev/davinci{device}", *_MANAGERS) if mapped else (),
        mounts=(
            *(_driver_mounts(cluster.driver, job) if ascend else ()),
            *_run_mounts(layout, seen, sources, script),
            *_volume_mounts(job, seen, sources),
            *((Mount(source=secrets, target=seen.secrets, read_only=True),) if secrets else ()),
        ),
        environment=environment
        + ((("ASCEND_VISIBLE_DEVICES", str(device)),) if ascend and not mapped else ()),
        labels=labels,
        runtime="ascend" if ascend and not mapped else None,
        command=("/bin/sh", f"{_INSIDE}/{script}"),
    )


def docker_words(spec: Container) -> tuple[str, ...]:
    """The words of `docker run -d` that make the same container by hand."""
    options = [f"--name={spec.name}", f"--hostname={spec.hostname}", f"--user={spec.user}"]
    options += ["--network=host", "--ipc=host", "--init", "--security-opt=no-new-privileges"]
    options += ["--security-opt=label=disable", "--ulimit=memlock=-1"]
    options += [f"--runtime={spec.runtime}"] if spec.runtime else []
    options += [f"--group-add={group}" for group in spec.groups]
    options += [f"--device={device}" for device in spec.devices]
    options += [f"--mount={_mount_word(mount)}" for mount in spec.mounts]
    options += [f"--env={name}={value}" for name, value in spec.environment]
    options += [f"--label={name}={value}" for name, value in spec.labels]
    options += [f"--entrypoint={spec.command[0]}"]
    return ("docker", "run", "--detach", *options, spec.image, *spec.command[1:])


def _mount_word(mount: Mount) -> str:
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    fields += ["readonly"] if mount.read_only else []
    return ",".join(
        f'"{part.replace(chr(34), chr(34) * 2)}"' if set(part) & set(',"\n') else part for part in fields
    )


def _driver_mounts(driver: Driver, job: Job) -> tuple[Mount, ...]:
    paths = [driver.dcmi, driver.npu_smi, driver.install_info, driver.hccn_conf]
    under_cann = driver.root.startswith(_CANN_ON_HOST + "/") and job.cann == "host"
    roots = [_CANN_ON_HOST] if job.cann == "host" else []
    roots += [] if under_cann else [driver.root]
    return tuple(Mount(source=path, target=path, read_only=True) for path in (*roots, *paths))


def _run_mounts(layout: Layout, seen: Paths, sources: Paths, script: str) -> tuple[Mount, ...]:
    return (
        Mount(source=f"{layout.attempt_dir}/{script}", target=f"{_INSIDE}/{script}", read_only=True),
        Mount(source=f"{layout.attempt_dir}/{PLAN}", target=f"{_INSIDE}/{PLAN}", read_only=True),
        Mount(source=sources.lease, target=seen.lease, read_only=True),
        Mount(source=sources.state, target=seen.state, read_only=False),
        Mount(source=sources.log, target=seen.log, read_only=False),
    )


def _volume_mounts(job: Job, seen: Paths, sources: Paths) -> tuple[Mount, ...]:
    """Outer directories first, so that nested volumes lie on top."""
    mounts = [
        Mount(
            source=sources.volume(name) or "",
            target=seen.volume(name) or "",
            read_only=volume.read_only if volume.read_only is not None else name != "output",
        )
        for name, volume in job.volumes.items()
    ]
    return tuple(sorted(mounts, key=lambda mount: (mount.target.count("/"), mount.target)))
