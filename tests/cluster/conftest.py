"""Hosts for the tests of this directory, and a place from which the launcher runs jobs on them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bed import Testbed
from tests.cluster.delivered import NAME
from tests.cluster.images.golden import SMALL, golden
from tests.cluster.slots import free_bed
from tests.place import Place

HOSTS = ("h1", "h2")
"""There from the start; a test that needs more says `bed.up(8)`."""
NEEDED = (
    "dockerd",
    "docker",
    "sshd",
    "ssh",
    "ssh-keygen",
    "ssh-agent",
    "ip",
    "tc",
    "iptables",
    "curl",
    "nsenter",
    "setpriv",
)


def missing() -> str:
    """Why there can be no testbed here; nothing when there can."""
    if os.geteuid() != 0:
        return "needs root"
    if lacking := [name for name in NEEDED if shutil.which(name) is None]:
        return f"needs {' '.join(lacking)}"
    return "" if Path("/sys/fs/cgroup/freezer").exists() else "needs the freezer of cgroup v1"


@pytest.fixture(scope="session")
def images() -> Iterator[Path]:
    """Data root of an engine with all images. TERM ends the tests as Ctrl-C does, so that no host is left."""
    if why := missing():
        pytest.skip(why)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with golden() as root:
        yield root


@pytest.fixture(scope="session")
def hosts(images: Path) -> Iterator[Testbed]:
    """The testbed of the session."""
    with free_bed(images) as bed:
        bed.up(len(HOSTS))
        yield bed


@pytest.fixture
def bed(hosts: Testbed) -> Iterator[Testbed]:
    """The testbed, mended after the test."""
    yield hosts
    hosts.mend()


class ClusterPlace(Place):
    """Ranks are containers on the hosts of the testbed."""

    patience = 120.0

    def __init__(self, path: Path, bed: Testbed, **cluster: Any) -> None:
        super().__init__(path, bed.cluster(*HOSTS, **cluster))
        self.bed = bed

    def job(self, command: str, *, name: str = "job", ranks: int = 4, **more: Any) -> Path:
        """A job in the small image whose ranks run a line of shell."""
        return super().job(command, name=name, ranks=ranks, **{"image": SMALL, **more})

    def use(self, *hosts: str, **cluster: Any) -> None:
        """Another cluster file: other hosts, or other settings."""
        self.cluster = self.write("cluster.yaml", self.bed.cluster(*(hosts or HOSTS), **cluster))

    def leftovers(self) -> dict[str, list[str]]:
        """What runs left on the hosts that have anything."""
        found = {host: self.bed.leftovers(host) for host in self.bed.addresses}
        return {host: left for host, left in found.items() if left}

    def assert_nothing_left(self) -> None:
        """No container, lock, secret or process of any run on any host."""
        assert self.leftovers() == {}


@pytest.fixture
def place(tmp_path: Path, bed: Testbed) -> Iterator[ClusterPlace]:
    """A place whose cluster file has h1 and h2; its supervisors end before the hosts are mended."""
    here = ClusterPlace(tmp_path, bed)
    yield here
    here.end_supervisors()


@pytest.fixture
def image_name(bed: Testbed) -> Iterator[str]:
    """An image that no host has, gone again afterwards."""
    yield NAME
    bed.mend()
    for host in bed.addresses:
        bed.exec(host, f"docker rmi -f {NAME}", check=False)
