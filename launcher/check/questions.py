"""The words that the check script is given. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from launcher.check.host_needs import HostNeeds
from launcher.check.npu_needs import NpuNeeds
from launcher.check.packages import distributions
from launcher.plan.layout import LOCKS
from launcher.remote import script

_SCHEDULER_PORTS = range(20000, 32000, 600)


def check_script() -> str:
    """Its text, with what it is made of."""
    return script("check", "check_trees", "check_npus")


def words(needs: HostNeeds) -> list[str]:
    """Everything that is asked of a host."""
    pairs = [*_of_machine(needs), *_of_volumes(needs), *(_of_npus(needs, needs.npus) if needs.npus else ())]
    return [word for pair in pairs for word in pair] + _python(needs)


def words_about_files(needs: HostNeeds, paths: Sequence[str]) -> list[str]:
    """What is asked again of volumes that are not the same on all hosts: which files."""
    return ["work_dir", needs.work_dir or "", *(word for path in paths for word in ("each", path))]


def _of_machine(needs: HostNeeds) -> Iterator[tuple[str, str]]:
    yield "work_dir", needs.work_dir or ""
    if needs.advice:
        yield "advice", "yes"
    if needs.advice or needs.meets_by_address:
        yield from _of_network(needs)
    if needs.secrets:
        yield "secrets", "yes"
    yield "path", needs.path
    for path in needs.paths:
        yield "there", path
    for node in needs.device_nodes:
        yield "node", node
    for port in needs.hccl_ports:
        yield "port", str(port)
    for port in _SCHEDULER_PORTS if needs.scheduler else ():
        yield "free", str(port)
    yield "lock_root", LOCKS
    for lock in needs.locks:
        yield "lock", lock


def _of_network(needs: HostNeeds) -> Iterator[tuple[str, str]]:
    if needs.host_ip is not None:
        yield "host_ip", needs.host_ip
    if needs.ifname is not None:
        yield "ifname", needs.ifname


def _of_volumes(needs: HostNeeds) -> Iterator[tuple[str, str]]:
    for source in needs.sources:
        yield "shared" if source.writable and needs.hosts > 1 else "source", source.path
    for path in needs.compared:
        yield "deep" if needs.is_deep else "ends", path


def words_about_chips(needs: HostNeeds, npus: NpuNeeds) -> list[str]:
    """What is asked again where npu-smi's table does not say which chip is which: its other forms."""
    remaps = (word for device in npus.devices for word in ("remap", f"{device} {npus.npu_smi}"))
    return ["work_dir", needs.work_dir or "", "npu_smi", npus.npu_smi, "map", npus.npu_smi, *remaps]


def _of_npus(needs: HostNeeds, npus: NpuNeeds) -> Iterator[tuple[str, str]]:
    if needs.advice:
        yield "driver", npus.version_file
    yield "hccn_conf", npus.hccn_conf
    yield "npu_smi", npus.npu_smi
    yield "hccn_tool", npus.hccn_tool
    for device in npus.devices:
        if npus.questions:
            yield "npu", " ".join([str(device), *npus.questions_to(device)])
    for device in npus.devices:
        if peers := [peer.address for peer in npus.peers if peer.device == device]:
            yield "deep_pings" if needs.is_deep else "pings", " ".join([str(device), *peers])


def _python(needs: HostNeeds) -> list[str]:
    """The command that asks Python for its packages, with the environment that ranks get."""
    if not needs.packages:
        return []
    variables = [f"{name}={value}" for name, value in needs.env]
    command = ["/bin/sh", "-c", script("packages"), "launcher", needs.python or ""]
    return ["run", *variables, *command, *distributions(needs.packages)]
