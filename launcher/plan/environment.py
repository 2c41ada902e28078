"""The environment of a rank: the contract with jobs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.plan.model import Binding
from launcher.spec.cluster import Cluster, Host
from launcher.spec.job import Job, Launch

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths as a member of the gang sees them: on the host for a process, in the container else."""

    log: str
    state: str
    lease: str
    rank_table: str
    secrets: str
    volumes: tuple[tuple[str, str], ...]

    def volume(self, name: str) -> str | None:
        """Where a volume is, or None."""
        return dict(self.volumes).get(name)


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """How ranks find each other."""

    launch: Launch
    ranks: int
    scheduler_host: str


def identity(binding: Binding, key: str) -> Pairs:
    """What a member is found by; set before its script starts, so that /proc/<pid>/environ shows it."""
    return (
        ("LAUNCHER_RUN", binding.run_id),
        ("LAUNCHER_RANK", key),
        ("LAUNCHER_ATTEMPT", binding.attempt),
    )


def rank_environment(
    cluster: Cluster, job: Job, host: Host, rank: int, device_id: int | None, paths: Paths, meet: Rendezvous
) -> Pairs:
    """Variables that the rank script exports, in a fixed order; the job's own come last."""
    pairs = [("RANK_ID", str(rank)), ("RANK_SIZE", str(meet.ranks))]
    if device_id is not None:
        pairs.append(("DEVICE_ID", str(device_id)))
    if meet.launch is Launch.RANK_TABLE:
        pairs.append(("RANK_TABLE_FILE", paths.rank_table))
    if meet.launch is Launch.DYNAMIC:
        pairs += [("MS_ROLE", "MS_WORKER"), ("MS_NODE_ID", str(rank))]
    return (*pairs, *_ascend(cluster, job, host, paths), *_logs(job, paths), *sorted(job.env.items()))


def scheduler_environment(job: Job, paths: Paths) -> Pairs:
    """The scheduler of the dynamic mode: the job's own command with no rank and no device."""
    return (("MS_ROLE", "MS_SCHED"), *_logs(job, paths), *sorted(job.env.items()))


def rendezvous_environment(meet: Rendezvous, binding: Binding) -> Pairs:
    """What ranks and scheduler share in the dynamic mode."""
    if meet.launch is not Launch.DYNAMIC:
        return ()
    return (
        ("MS_WORKER_NUM", str(meet.ranks)),
        ("MS_SCHED_HOST", meet.scheduler_host),
        ("MS_SCHED_PORT", binding.scheduler_port),
    )


def _ascend(cluster: Cluster, job: Job, host: Host, paths: Paths) -> Pairs:
    if not cluster.device.is_ascend:
        return ()
    interface = (("HCCL_SOCKET_IFNAME", host.ifname),) if host.ifname else ()
    return (
        ("HCCL_CONNECT_TIMEOUT", str(int(job.timeouts.hccl_connect))),
        *interface,
        ("ASCEND_PROCESS_LOG_PATH", f"{paths.log}/plog"),
    )


def _logs(job: Job, paths: Paths) -> Pairs:
    return (
        ("LAUNCHER_LOG_DIR", paths.log),
        ("LAUNCHER_KEEP_CHECKPOINTS", str(job.limits.checkpoints)),
        ("GLOG_log_dir", f"{paths.log}/ms_log"),
        ("GLOG_logtostderr", "0"),
    )
