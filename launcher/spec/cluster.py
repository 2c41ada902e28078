"""The cluster file: which hosts there are, how they are reached, which devices they hold."""

from __future__ import annotations

from enum import Enum
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from launcher.spec.base import Model
from launcher.spec.scalars import (
    AbsolutePath,
    Count,
    DeviceId,
    Flag,
    HostName,
    Name,
    Numbers,
    Port,
    SchemaVersion,
    Text,
    Word,
)

THIS_MACHINE = "localhost"


class DeviceKind(str, Enum):
    """What a rank computes on. `ascend910` is the 910A, `ascend910_93` the A3 (two dies an NPU)."""

    CPU = "cpu"
    ASCEND910 = "ascend910"
    ASCEND910B = "ascend910b"
    ASCEND910_93 = "ascend910_93"

    @property
    def is_ascend(self) -> bool:
        """Whether a rank owns an NPU."""
        return self is not DeviceKind.CPU


class RuntimeKind(str, Enum):
    """What a rank is on its host: a process group or a container."""

    PROCESS = "process"
    DOCKER = "docker"


def _literal_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("expected a literal IPv4 or IPv6 address") from None


IpAddress = Annotated[Text, AfterValidator(_literal_address)]


class Ssh(Model):
    """How hosts are reached; what is not set comes from the user's ssh_config."""

    user: Text | None = None
    port: Port | None = None
    key: Text | None = None
    """Private key file."""
    known_hosts: Text | None = None
    """File of known host keys; unknown keys are refused."""
    gateway: Text | None = None
    """Host to jump through, `[user@]host[:port]`; one shared connection."""
    sudo: Flag = False
    """Whether Docker is called through sudo."""


class Driver(Model):
    """Where the Ascend driver lies on the hosts; mounted read-only into every container."""

    root: AbsolutePath = "/usr/local/Ascend/driver"
    dcmi: AbsolutePath = "/usr/local/dcmi"
    npu_smi: AbsolutePath = "/usr/local/bin/npu-smi"
    install_info: AbsolutePath = "/etc/ascend_install.info"
    hccn_conf: AbsolutePath = "/etc/hccn.conf"
    dvpp_cmdlist: AbsolutePath | None = None
    """Device node by which NPUs decode images; drivers for 910A have none."""
    queue_schedule: AbsolutePath | None = None
    """Directory of the driver's queues (FlowGW); there since HDK 24.1.RC2."""
    docker_runtime: Flag = False
    """Whether the Ascend Docker Runtime maps the devices (`--runtime=ascend`)."""
    device_id_in_container: Literal["logical", "physical"] = "logical"
    """What DEVICE_ID a container with one NPU sees: 0 (logical) or the number of /dev/davinciN."""


class Host(Model):
    """One machine."""

    address: Word
    """What SSH uses, an alias of ssh_config too; `localhost` is this machine, without SSH."""
    name: HostName | None = None
    """How the host is called in output and file names; default: the address."""
    host_ip: IpAddress | None = None
    """Literal address on the training network; becomes the server_id of the rank table."""
    devices: Numbers | None = None
    """Physical device ids, N of /dev/davinciN; may be sparse. Default: `devices` of the cluster."""
    device_ips: dict[DeviceId, IpAddress] = {}
    """Address of each NPU's own network port, by physical device id."""
    super_device_ids: dict[DeviceId, Text] = {}
    """Super device id (SDID) of each die of an A3, by physical device id."""
    super_pod: Text | None = None
    """Super pod that an A3 host belongs to."""
    ifname: Text | None = None
    """Network interface of the training network, for HCCL_SOCKET_IFNAME."""
    device_gid: Count | None = None
    """Group that may open the devices (HwHiAiUser); filled by discover."""
    work_dir: AbsolutePath | None = None
    path: tuple[Text, ...] | None = None
    """Directories put before PATH for ranks that are processes; relative ones start at the cluster file."""
    ssh: Ssh | None = None
    """Replaces single settings of the cluster's `ssh`."""

    @property
    def label(self) -> str:
        """The name that people see."""
        return self.name or self.address

    @property
    def is_this_machine(self) -> bool:
        """Whether commands run here, without SSH."""
        return self.address == THIS_MACHINE


class Cluster(Model):
    """A cluster file."""

    schema_version: SchemaVersion = Field(alias="schema")
    name: Name
    device: DeviceKind
    runtime: RuntimeKind = RuntimeKind.DOCKER
    devices: Numbers | None = None
    """Device ids of every host that does not say otherwise."""
    work_dir: AbsolutePath | None = None
    """Where runs live on the hosts, not on NFS. Default: /var/tmp/launcher-<uid>."""
    path: tuple[Text, ...] = ()
    registry: Word | None = None
    """Where hosts pull images of jobs from, `host[:port][/path]`. Default: they send them to each other."""
    ssh: Ssh = Ssh()
    driver: Driver = Driver()
    hosts: tuple[Host, ...] = Field(min_length=1)

    def devices_of(self, host: Host) -> tuple[int, ...]:
        """Physical device ids of a host, ascending."""
        devices = host.devices if host.devices is not None else self.devices
        return tuple(sorted(devices or ()))
