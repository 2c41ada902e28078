"""Facts of all hosts at once, one script a host."""

from __future__ import annotations

from collections.abc import Mapping

from launcher.discover.draft import Draft
from launcher.discover.facts import Facts, parse_facts
from launcher.errors import LauncherError
from launcher.hosts import Host, RemoteError, connect, endpoints_of
from launcher.hosts.fleet import try_on_all
from launcher.plan.containers import needs_sudo
from launcher.remote import script
from launcher.spec.cluster import Cluster

_TIMEOUT = 120.0


def gather(draft: Draft, labels: frozenset[str]) -> dict[str, Facts | LauncherError]:
    """Facts of each of these hosts, or why there are none, by label in the order of the file."""
    cluster = draft.cluster
    sudo = {host.label: needs_sudo(cluster, host) for host in cluster.hosts}
    hosts = [connect(endpoint) for label, endpoint in endpoints_of(cluster).items() if label in labels]

    def ask(host: Host) -> Facts:
        try:
            return _ask(host, cluster, sudo)
        finally:
            host.close()

    return try_on_all(hosts, ask)


def _ask(host: Host, cluster: Cluster, sudo: Mapping[str, bool]) -> Facts:
    """Raises HostError, RemoteError with the host's own words."""
    driver = cluster.driver
    words = (
        driver.npu_smi,
        f"{driver.root}/tools/hccn_tool",
        driver.hccn_conf,
        f"{driver.root}/version.info",
        "sudo" if sudo[host.label] else "",
    )
    done = host.run(script("discover", "check_npus"), *words, timeout=_TIMEOUT)
    if done.code:
        said = done.err.strip() or f"the script ended with {done.code}"
        raise RemoteError(f"host {host.label}: {said}")
    return parse_facts(done.out)
