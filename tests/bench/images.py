"""An image from one host to 1 and to 8 others whose links are limited: how long, and what it costs each host.

    make bench-images          (root: the hosts are made on this machine, as for `make test-cluster`)

Each host takes in and gives out 20 MB/s (tc). The image is above one that all have, so that what is sent is
of the size asked for; it does not compress. Timed is `launcher image push` as a whole. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.cluster.bed import Testbed
from tests.cluster.conftest import ClusterPlace
from tests.cluster.images.golden import SMALL, golden
from tests.cluster.slots import free_bed

NAME = "bench/image:1"
RATE = "160mbit"  # 20 MB/s
TICKS = os.sysconf("SC_CLK_TCK")
ALL_CPU = "cat /proc/[0-9]*/stat 2>/dev/null; true"


def cpu_of(bed: Testbed, host: str) -> float:
    """CPU seconds of all that runs on a host, and of all that has ended there."""
    lines = bed.exec(host, ALL_CPU).splitlines()
    fields = [line.rpartition(") ")[2].split() for line in lines]
    return sum(sum(map(int, each[11:15])) for each in fields) / TICKS


def limit(bed: Testbed, host: str) -> None:
    """Both directions of a host's link."""
    bed.slow(host, RATE)
    shape = f"tc qdisc replace dev eth0 root tbf rate {RATE} burst 16kb latency 400ms"
    subprocess.run([*bed.network_of(host), *shape.split()], check=True)


def derive(bed: Testbed, host: str, megabytes: int) -> None:
    """The image, on one host."""
    bed.exec(
        host,
        f"mkdir -p /tmp/layer && head -c {megabytes}000000 /dev/urandom >/tmp/layer/fill && "
        f"printf 'FROM {SMALL}\\nCOPY fill /fill\\n' >/tmp/layer/Dockerfile && "
        f"DOCKER_BUILDKIT=0 docker build -q -t {NAME} /tmp/layer 2>/dev/null; rm -r /tmp/layer",
    )


class Bench:
    """Hosts with limited links, of which the first has the image."""

    def __init__(self, path: Path, bed: Testbed, hosts: int) -> None:
        self.bed, self.hosts = bed, [f"h{number}" for number in range(1, hosts + 2)]
        self.place = ClusterPlace(path, bed)
        self.place.patience = 1200

    def measure(self, receivers: int) -> tuple[float, list[float]]:
        """Seconds of a push to so many hosts, and CPU seconds of each host of it, the source first."""
        used = self.hosts[: receivers + 1]
        for host in self.hosts[1:]:
            self.bed.exec(host, f"docker rmi -f {NAME}", check=False)
        self.place.use(*used)
        before = [cpu_of(self.bed, host) for host in used]
        began = time.monotonic()
        done = self.place.launcher("image", "push", NAME, "-c", self.place.cluster)
        seconds = time.monotonic() - began
        assert done.returncode == 0, done.stderr
        assert "through this machine" not in done.stderr, done.stderr
        after = [cpu_of(self.bed, host) for host in used]
        return seconds, [end - start for start, end in zip(before, after, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with golden() as root, free_bed(root) as bed, tempfile.TemporaryDirectory() as name:
        bed.up(given.hosts + 1)
        bench = Bench(Path(name), bed, given.hosts)
        derive(bed, "h1", given.megabytes)
        for host in bench.hosts:
            limit(bed, host)
        rounds = [(bench.measure(1), bench.measure(given.hosts)) for _ in range(given.rounds)]
    what = f"{given.megabytes} MB from one host, links of 20 MB/s"
    print(f"| {what} | seconds: each round | CPU s of the source | CPU s a receiver |")
    print("|---|---|---|---|")
    for index, receivers in enumerate((1, given.hosts)):
        measured = [each[index] for each in rounds]
        seconds = ", ".join(f"{value:.1f}" for value, _ in measured)
        source = ", ".join(f"{cpu[0]:.1f}" for _, cpu in measured)
        others = ", ".join(f"{sum(cpu[1:]) / receivers:.1f}" for _, cpu in measured)
        print(f"| to {receivers} | {seconds} | {source} | {others} |")
    ratios = ", ".join(f"{many[0] / one[0]:.2f}" for one, many in rounds)
    print(f"\n{given.hosts} hosts against 1: {ratios}")


if __name__ == "__main__":
    main()
