"""A host that has all that a job needs: what rules are tried on, one change at a time."""

from __future__ import annotations

from dataclasses import replace

from launcher.check.facts import Engine, Facts, Node, Place, Python
from launcher.check.host_needs import HostNeeds, Source
from launcher.check.npu_facts import NpuFacts, Port
from launcher.check.npu_needs import NpuNeeds, hccl_ports
from launcher.check.pings import Peer

GB = 10**9
NEEDS = HostNeeds(
    work_dir="/data/work",
    processes=True,
    path="",
    locks=("npu-0", "npu-1"),
    ranks=8,
    memory_per_rank=2 * GB,
    disk=50 * GB,
    scheduler=True,
    secrets=True,
    sources=(Source("dataset", "/data/wiki", writable=False, may_be_made=False),),
    packages=("numpy<2",),
    image="repo/image:1",
    oci_runtime="ascend",
    paths=("/dev/davinci_manager", "/usr/local/Ascend/driver"),
    device_nodes=("/dev/davinci0", "/dev/davinci1"),
    hosts=2,
    host_ip="192.0.2.1",
    ifname="eth",
    meets_by_address=True,
    hccl_ports=hccl_ports({}),
    hccl_ports_are_used=True,
    npus=NpuNeeds(
        devices=(0, 1),
        ips={0: "198.51.100.1", 1: "198.51.100.2"},
        peers=(Peer(0, "198.51.100.11", "node2"), Peer(1, "198.51.100.12", "node2")),
        npu_smi="/usr/local/bin/npu-smi",
        hccn_tool="/usr/local/Ascend/driver/tools/hccn_tool",
        hccn_conf="/etc/hccn.conf",
        version_file="/usr/local/Ascend/driver/version.info",
        meet=True,
        group=1000,
    ),
)
PORT = Port(ip="198.51.100.1", link="UP", net_health="Success", tls="0")
NPUS = NpuFacts(
    health={0: "OK", 1: "OK"},
    places={0: (0, 0), 1: (1, 0)},
    ports={0: PORT, 1: replace(PORT, ip="198.51.100.2")},
    conf={0: "198.51.100.1", 1: "198.51.100.2"},
)
ENGINE = Engine(architecture="arm64", image_architecture="arm64", runtimes=("runc", "ascend"))
FACTS = Facts(
    work_dir="/data/work",
    work_dir_refusal="",
    file_system="ext2/ext3",
    disk=100 * GB,
    cores=8,
    memory=16 * GB,
    has_setsid=True,
    shm_refusal="",
    uid=1000,
    user="ann",
    machine="aarch64",
    sources=(Place("read-only"),),
    lacking=(),
    python=Python("/opt/bin/python", {"python_version": "3.11"}, {"numpy": "1.26.4"}),
    engine=ENGINE,
    nodes=(Node("/dev/davinci0", 1000, 0o660), Node("/dev/davinci1", 2, 0o666)),
    interfaces=("lo", "eth0"),
    ephemeral=(32768, 60999),
    reserved_words="60000-60031",
    selinux="Enforcing",
    selinux_context="unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023",
    startups=10,
    sessions=4,
    npus=NPUS,
)


def npus(**changes: object) -> dict[str, object]:
    """Facts in which something of the NPUs is other."""
    return {"npus": replace(NPUS, **changes)}
