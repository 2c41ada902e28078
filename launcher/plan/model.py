"""The plan: everything that a run will do, as frozen values. Equal spec and binding, equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEDULER = "scheduler"
RANK_TABLE = "rank_table.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Numeric user and group that ranks run as on a host; text, so that a placeholder can stand in."""

    uid: str = "@UID@"
    gid: str = "@GID@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What only a real run can know. The defaults are the placeholders that an offline plan shows."""

    run_id: str = "@RUN@"
    attempt: str = "@ATTEMPT@"
    scheduler_port: str = "@SCHEDULER_PORT@"
    code: str = "@CODE@"
    """Content hash of the code snapshot."""
    owners: Mapping[str, Owner] = field(default_factory=dict)
    """By host label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A bind mount of a container."""

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What `docker create` is told for one member of the gang."""

    name: str
    image: str
    hostname: str
    user: str
    groups: tuple[str, ...]
    devices: tuple[str, ...]
    mounts: tuple[Mount, ...]
    environment: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    runtime: str | None
    """OCI runtime other than Docker's own: `ascend` is the Ascend Docker Runtime."""
    network: str
    ipc: str
    init: bool
    security: tuple[str, ...]
    ulimits: tuple[str, ...]
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process group or container of the gang: a rank, or the scheduler of the dynamic mode."""

    key: str
    """`0`, `1`, … or `scheduler`."""
    rank: int | None
    host: str
    """Label of the host."""
    device: int | None
    """Physical device id; None where no device is needed."""
    log_dir: str
    """Absolute, on the host."""
    environment: tuple[tuple[str, str], ...]
    script: str
    """Name of the rank script in the attempt's directory."""
    container: Container | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What one host gets and runs."""

    label: str
    address: str
    work_dir: str
    run_dir: str
    attempt_dir: str
    code_dir: str | None
    secrets_file: str | None
    locks: tuple[str, ...]
    """Names of the device locks, such as `npu-3`."""
    members: tuple[str, ...]
    """Keys, in rank order."""
    directories: tuple[str, ...]
    """Made before the first rank starts, absolute."""
    sudo: bool = False
    """Whether Docker is called through sudo."""
    files: tuple[tuple[str, str], ...]
    """(name in the attempt's directory, text): the scripts. The rank table is the same on all hosts."""

    @property
    def sudo_word(self) -> str:
        """`sudo` as scripts take it, or nothing."""
        return "sudo" if self.sudo else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the supervisor does when; durations in seconds, sizes in bytes."""

    on_failure: str
    start_timeout: float
    run_timeout: float | None
    stop_grace: float
    cancel_grace: float
    restart_max: int
    restart_delay: float
    restart_exit_codes: tuple[int, ...]
    collect: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole attempt. `digest` is the SHA-256 of everything else in it."""

    schema: int = 1
    digest: str = ""
    job: str
    cluster: str
    device: str
    runtime: str
    launch: str
    ranks: int
    binding: Binding
    policy: Policy
    secrets: tuple[str, ...]
    hosts: tuple[HostPlan, ...]
    members: tuple[Member, ...]
    rank_table: str | None

    def host(self, label: str) -> HostPlan:
        """The host of that label. Raises KeyError."""
        for host in self.hosts:
            if host.label == label:
                return host
        raise KeyError(label)

    def runtime_on(self, host: HostPlan) -> str:
        """How ranks run on a host: `process`, `docker`, or `sudo docker`."""
        return f"{host.sudo_word} {self.runtime}".lstrip()

    def files_of(self, host: HostPlan) -> dict[str, str]:
        """Every file of the attempt's directory on a host but plan.json: name and text."""
        shared = {} if self.rank_table is None else {RANK_TABLE: self.rank_table}
        return {**shared, **dict(host.files)}

    def members_of(self, host: HostPlan) -> tuple[Member, ...]:
        """The members that run on a host, in rank order."""
        keys = frozenset(host.members)
        return tuple(member for member in self.members if member.key in keys)
