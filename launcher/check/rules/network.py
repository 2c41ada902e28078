"""Ports of a host. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, Level, as_root, error, warning
from launcher.npu.ifname import names_one
from launcher.spec.wording import some

_RESERVED = "net.ipv4.ip_local_reserved_ports"


def host_ip(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It is an address of the host: ranks bind it, and others connect to it."""
    if facts.other_addresses is not None:
        words = f"host_ip {needs.host_ip} is none of its addresses: {facts.other_addresses or 'it has none'}"
        yield Complaint(_if_met_at(needs), words, "launcher discover finds it; or write another host_ip")


def ifname(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """HCCL finds an interface by it (else EI0001)."""
    if needs.ifname is not None and facts.interfaces and not names_one(needs.ifname, facts.interfaces):
        words = f"no interface is called {needs.ifname} (ifname); there are {', '.join(facts.interfaces)}"
        yield Complaint(_if_met_at(needs), words, "launcher discover finds it; or write another ifname")


def _if_met_at(needs: HostNeeds) -> Level:
    return Level.ERROR if needs.meets_by_address else Level.WARNING


def port(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """One is free for the scheduler."""
    if facts.no_port:
        users = list(
            dict.fromkeys(str(each.user) for each in facts.listeners if each.port not in needs.hccl_ports)
        )
        by = f" (in use by {some(users)})" if users else ""
        yield error(f"{facts.no_port}{by}", "the scheduler needs one; what uses them: ss -tlnp")


def hccl_ports(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """HCCL listens on these while ranks meet without a rank table; nothing else should."""
    level = Level.ERROR if needs.hccl_ports_are_used else Level.WARNING
    for each in facts.listeners:
        if each.port not in needs.hccl_ports:
            continue
        words = f"port {each.port}, which HCCL listens on, is in use by {each.user}"
        remedy = f"end it (ss -tlnp sport = {each.port}), or set HCCL_IF_BASE_PORT in `env` of the job"
        yield Complaint(level, words, remedy)


def reserved_ports(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """The kernel does not hand out HCCL's ports to other connections."""
    if not needs.hccl_ports_are_used:
        return
    low, high = facts.ephemeral
    reserved = _reserved(facts.reserved_words)
    open_ = [each for each in needs.hccl_ports if low <= each <= high and each not in reserved]
    if open_:
        first, last = needs.hccl_ports[0], needs.hccl_ports[-1]
        words = (
            f"the kernel may hand out {len(open_)} of HCCL's ports {first}-{last} "
            f"({some([str(each) for each in open_])}) to any connection: it gives {low}-{high}"
        )
        wanted = ",".join(filter(None, (facts.reserved_words, f"{first}-{last}")))
        setting = f"{_RESERVED}={wanted}"
        yield warning(words, f"reserve them: sysctl -w {setting}", as_root(("sysctl", "-w", setting)))


def _reserved(words: str) -> set[int]:
    """Ports of a list such as `8080,60000-60031`."""
    ranges = [each.partition("-") for each in words.split(",") if each]
    return {port for first, _, last in ranges for port in range(int(first), int(last or first) + 1)}
