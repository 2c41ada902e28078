"""What a cluster and a job need of the NPUs of each host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from launcher.check.pings import Peer, some_pairs
from launcher.spec.cluster import Cluster, Host
from launcher.spec.job import Launch

HCCL_PORTS = range(60000, 60032)
"""Of the host, on which HCCL listens while ranks meet without a rank table."""
_ON_ONE_HOST: Mapping[Launch, tuple[str, ...]] = {
    Launch.RANK_TABLE: ("ip", "tls"),
    Launch.DYNAMIC: ("tls",),
    Launch.NONE: (),
}
"""What HCCL compares of NPUs of one host: their addresses with the rank table, and their TLS switches."""
_BASE_PORT = "HCCL_IF_BASE_PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuNeeds:
    """The NPUs of one host, by physical id, and where the driver's tools and files are."""

    devices: tuple[int, ...]
    ips: Mapping[int, str]
    """Addresses as the cluster file has them."""
    peers: tuple[Peer, ...]
    npu_smi: str
    hccn_tool: str
    hccn_conf: str
    version_file: str
    launch: Launch = Launch.RANK_TABLE
    """How ranks meet."""
    meet: bool
    """Whether NPUs of several hosts work together."""
    questions: tuple[str, ...] = ("ip", "link", "net_health", "tls")
    """What hccn_tool is asked of each."""
    group: int | None
    """Group that ranks get so that they may open the devices."""

    def questions_to(self, device: int) -> tuple[str, ...]:
        """The same, with the form of the address that an NPU should have."""
        sixth = ":" in self.ips.get(device, "")
        return tuple("ip6" if sixth and what == "ip" else what for what in self.questions)

    def only_what_counts(self) -> NpuNeeds:
        """What can make a run fail: one ping of each; of those that meet no other host's not the network."""
        first = {peer.device: peer for peer in reversed(self.peers)}
        questions = self.questions if self.meet else _ON_ONE_HOST[self.launch]
        return replace(self, questions=questions, peers=tuple(first[device] for device in sorted(first)))


def npu_needs(
    cluster: Cluster, devices: Mapping[str, Sequence[int]], hosts: Mapping[str, Host], launch: Launch
) -> dict[str, NpuNeeds]:
    """Of each host whose NPUs are used, by label; `devices` are their physical ids."""
    meet = launch is not Launch.NONE and len(devices) > 1
    ips = {
        label: {
            device: hosts[label].device_ips[device] for device in used if device in hosts[label].device_ips
        }
        for label, used in devices.items()
    }
    peers = some_pairs(ips if meet else {})
    driver = cluster.driver
    return {
        label: NpuNeeds(
            devices=tuple(used),
            ips=ips[label],
            peers=peers.get(label, ()),
            npu_smi=driver.npu_smi,
            hccn_tool=f"{driver.root}/tools/hccn_tool",
            hccn_conf=driver.hccn_conf,
            version_file=f"{driver.root}/version.info",
            launch=launch,
            meet=meet,
            group=hosts[label].device_gid,
        )
        for label, used in devices.items()
        if used
    }


def hccl_ports(env: Mapping[str, str]) -> tuple[int, ...]:
    """HCCL's ports, which a job may have moved."""
    base = env.get(_BASE_PORT, "")
    first = int(base) if base.isdecimal() else HCCL_PORTS.start
    return tuple(range(first, first + len(HCCL_PORTS)))
