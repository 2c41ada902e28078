"""Docker on a host. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, Level, as_root, error


def docker(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It answers."""
    if facts.engine is not None and facts.engine.refusal:
        remedy = facts.engine.hint or "see whether Docker runs there: systemctl status docker"
        yield error(facts.engine.refusal, remedy, as_root(("systemctl", "start", "docker")))


def rootless(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It is the system's own: one that a user runs gives no devices, and no network of the host."""
    if facts.engine is None or "name=rootless" not in facts.engine.security:
        return
    words = "this Docker is rootless (docker info: name=rootless): "
    words += (
        "containers get no NPU from it"
        if needs.npus
        else "its network is not the host's, so other hosts do not reach ranks"
    )
    remedy = (
        "use the system's Docker: docker context use default, unset DOCKER_HOST, "
        "and let the SSH user into the group docker"
    )
    yield Complaint(Level.ERROR if needs.npus else Level.WARNING, words, remedy)


def oci_runtime(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It has the runtime that the cluster file asks for."""
    engine = facts.engine
    if engine and not engine.refusal and needs.oci_runtime and needs.oci_runtime not in engine.runtimes:
        words = f"Docker has no runtime {needs.oci_runtime}, only {', '.join(engine.runtimes)}"
        yield error(words, "install the Ascend Docker Runtime, or leave out driver.docker_runtime")
