"""The environment of a rank: the contract with jobs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from launcher.plan.model import Binding
from launcher.spec.cluster import Cluster, Host
from launcher.spec.job import Job, Launch

Pairs = tuple[tuple[str, str], ...]

_CONNECT = "HCCL_CONNECT_TIMEOUT"
_EXECUTE = "HCCL_EXEC_TIMEOUT"
_DEFAULT_EXECUTE = 1836
"""Seconds; HCCL wants its connect timeout below it."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths as a member of the gang sees them: on the host for a process, in the container else."""

    log: str
    state: str
    lease: str
    rank_table: str
    secrets: str
    volumes: tuple[tuple[str, str], ...]


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


@dataclass(frozen=True, slots=True)
class Seat:
    """A rank among all and on its host; the device is what the rank calls it, None where it has none."""

    rank: int
    host: Host
    device_id: int | None
    local_ranks: int


def rank_environment(cluster: Cluster, job: Job, seat: Seat, paths: Paths, meet: Rendezvous) -> Pairs:
    """Variables that the rank script exports, in a fixed order; the job's own win and come last."""
    rank, host, device_id = seat.rank, seat.host, seat.device_id
    pairs = [
        ("RANK_ID", str(rank)),
        ("RANK_SIZE", str(meet.ranks)),
        ("LAUNCHER_LOCAL_RANKS", str(seat.local_ranks)),
    ]
    if device_id is not None:
        pairs.append(("DEVICE_ID", str(device_id)))
    if meet.launch is Launch.RANK_TABLE:
        pairs.append(("RANK_TABLE_FILE", paths.rank_table))
    if meet.launch is Launch.DYNAMIC:
        pairs += [("MS_ROLE", "MS_WORKER"), ("MS_NODE_ID", str(rank))]
        if host.host_ip is not None and _is_ipv6(host):
            pairs.append(("MS_WORKER_IP", host.host_ip))
    if cluster.device.is_ascend and device_id is not None:
        pairs += _hccl(job, host, meet)
        pairs.append(("ASCEND_PROCESS_LOG_PATH", f"{paths.log}/plog"))
    return _with_own((*pairs, *_logs(job, paths)), job)


def scheduler_environment(job: Job, paths: Paths) -> Pairs:
    """The scheduler of the dynamic mode: the job's own command with no rank and no device."""
    return _with_own((("MS_ROLE", "MS_SCHED"), *_logs(job, paths)), job)


def rendezvous_environment(meet: Rendezvous, binding: Binding) -> Pairs:
    """What ranks and scheduler share in the dynamic mode."""
    if meet.launch is not Launch.DYNAMIC:
        return ()
    return (
        ("MS_WORKER_NUM", str(meet.ranks)),
        ("MS_SCHED_HOST", meet.scheduler_host),
        ("MS_SCHED_PORT", binding.scheduler_port),
    )


def hccl_problem(job: Job) -> str | None:
    """What is wrong with HCCL's two timeouts where the job sets them itself; 0 is never (910B, A3)."""
    execute = job.env.get(_EXECUTE, "0")
    if execute.isdecimal() and 0 < int(execute) <= _connect_timeout(job):
        return f"{_EXECUTE} is {execute}, but must be above {_CONNECT} ({_connect_timeout(job)})"
    return None


def _connect_timeout(job: Job) -> int:
    own = job.env.get(_CONNECT, "")
    return int(own) if own.isdecimal() else int(job.timeouts.hccl_connect)


def _hccl(job: Job, host: Host, meet: Rendezvous) -> list[tuple[str, str]]:
    connect = _connect_timeout(job)
    pairs = [(_CONNECT, str(connect))]
    if connect >= _DEFAULT_EXECUTE:
        pairs.append((_EXECUTE, str(connect + _DEFAULT_EXECUTE)))
    if host.ifname:
        pairs.append(("HCCL_SOCKET_IFNAME", host.ifname))
        if _is_ipv6(host):
            pairs.append(("HCCL_SOCKET_FAMILY", "AF_INET6"))
    elif host.host_ip and meet.launch is Launch.DYNAMIC:  # without a table HCCL would guess the network card
        pairs.append(("HCCL_IF_IP", host.host_ip))
    return pairs


def _is_ipv6(host: Host) -> bool:
    """Whether the training network is one: HCCL and MindSpore look for IPv4 unless they are told."""
    return host.host_ip is not None and ip_address(host.host_ip).version == 6


def _logs(job: Job, paths: Paths) -> Pairs:
    return (
        ("LAUNCHER_LOG_DIR", paths.log),
        ("LAUNCHER_KEEP_CHECKPOINTS", str(job.limits.checkpoints)),
        ("GLOG_log_dir", f"{paths.log}/ms_log"),
        ("GLOG_logtostderr", "0"),
    )


def _with_own(pairs: Pairs, job: Job) -> Pairs:
    if not job.env:
        return pairs
    return (*((name, value) for name, value in pairs if name not in job.env), *sorted(job.env.items()))
