"""All rules, and what they say of hosts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, Finding, finding
from launcher.check.rules import data, docker, fleet, image, machine, network, npu, usage
from launcher.check.rules.fleet import Examined

Rule = Callable[[HostNeeds, Facts], Iterator[Complaint]]
FleetRule = Callable[[Mapping[str, Examined]], Iterator[tuple[str, Complaint]]]

RULES: dict[str, Rule] = {
    "memory": machine.memory,
    "cores": machine.cores,
    "work directory": machine.work_dir,
    "disk": machine.disk,
    "setsid": machine.setsid,
    "secrets": machine.secrets,
    "login shell": machine.login_shell,
    "sshd": machine.sshd,
    "SELinux": machine.selinux,
    "host_ip": network.host_ip,
    "ifname": network.ifname,
    "port": network.port,
    "HCCL ports": network.hccl_ports,
    "reserved ports": network.reserved_ports,
    "volumes": data.volumes,
    "packages": data.packages,
    "docker": docker.docker,
    "rootless": docker.rootless,
    "image": image.image,
    "runtime": docker.oci_runtime,
    "driver": npu.driver,
    "hccn.conf": npu.hccn_conf,
    "device nodes": npu.device_nodes,
    "devices": usage.devices,
    "containers": usage.containers,
    "processes": usage.processes,
    "npu-smi": npu.npu_smi,
    "health": npu.health,
    "hccn_tool": npu.hccn_tool,
    "device ips": npu.device_ips,
    "link": npu.link,
    "net_health": npu.net_health,
    "ping": npu.ping,
}
"""Rules for one host, in the order in which findings are shown."""

FLEET_RULES: dict[str, FleetRule] = {
    "architecture": fleet.architecture,
    "engine": fleet.engine,
    "image": image.everywhere,
    "driver version": fleet.driver,
    "TLS": fleet.tls,
    "data": fleet.data,
    "shared volumes": fleet.shared,
    "clocks": fleet.clocks,
}
"""Rules for all hosts together: what must be equal."""


def judge(host: str, needs: HostNeeds, facts: Facts) -> list[Finding]:
    """Everything that a host lacks, in the order of RULES."""
    return [
        finding(host, name, complaint) for name, rule in RULES.items() for complaint in rule(needs, facts)
    ]


def judge_together(fleet: Mapping[str, Examined]) -> list[Finding]:
    """Everything in which hosts differ that should not, in the order of FLEET_RULES."""
    return [
        finding(host, name, complaint)
        for name, rule in FLEET_RULES.items()
        for host, complaint in rule(fleet)
    ]
