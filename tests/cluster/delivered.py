"""Images for tests of their delivery, and what a delivery may leave."""

from __future__ import annotations

import subprocess

from tests.cluster.bed import Testbed
from tests.cluster.images.golden import SMALL
from tests.place import Place

NAME = "mine/delivered:1"
PARTIAL = "/var/tmp/launcher-*/images"
"""Where what has arrived of an interrupted delivery waits for the next one."""
LEFT = f"ls -d {PARTIAL} /dev/shm/launcher-* /tmp/launcher-*; pgrep -fa '[s]shd.*launcher-image'"
WORKS = "pgrep -fa '[l]auncher-image'; ls -d /dev/shm/launcher-* /tmp/launcher-*"


def derive(bed: Testbed, host: str, name: str = NAME, size: str = "20M", base: str = SMALL) -> None:
    """An image of a layer of its own, which does not compress, above a base."""
    bed.exec(
        host,
        f"mkdir -p /tmp/layer && head -c {size} /dev/urandom >/tmp/layer/fill && "
        f"printf 'FROM {base}\\nCOPY fill /fill\\n' >/tmp/layer/Dockerfile && "
        f"DOCKER_BUILDKIT=0 docker build -q -t {name} /tmp/layer 2>/dev/null",
    )


def derive_for_arm(bed: Testbed, host: str, name: str = NAME) -> None:
    """The small image, but that it says that it is for another architecture."""
    bed.exec(
        host,
        f"mkdir -p /tmp/arm && docker save {SMALL} | tar -x -C /tmp/arm && cd /tmp/arm && "
        'config=$(sed \'s/.*"Config":"\\([^"]*\\).*/\\1/\' manifest.json) && '
        'sed -i \'s/"architecture":"amd64"/"architecture":"arm64"/\' $config && '
        f'sed -i \'s|"RepoTags":.*\\],"L|"RepoTags":["{name}"],"L|\' manifest.json && rm -f repositories && '
        "tar -c . | docker load; rm -rf /tmp/arm",
    )


def image_id(bed: Testbed, host: str, name: str = NAME) -> str:
    """Empty where it is not there."""
    return bed.exec(
        host, f"docker image inspect --format '{{{{.Id}}}}' {name} 2>/dev/null", check=False
    ).strip()


def left(bed: Testbed, host: str, what: str = LEFT) -> str:
    """What there still is; empty where nothing is."""
    return bed.exec(host, f"({what}) 2>/dev/null; true")


def parcel(bed: Testbed, host: str) -> int:
    """Bytes that have arrived so far, also of a delivery that was interrupted."""
    sizes = bed.exec(host, f"stat -c %s {PARTIAL}/*/parcel {PARTIAL}/*/kept 2>/dev/null; true").split()
    return max(map(int, sizes), default=0)


def received(bed: Testbed, host: str) -> int:
    """Bytes that have come in over the network."""
    return int(bed.exec(host, "cat /sys/class/net/eth0/statistics/rx_bytes || true") or 0) or int(
        bed.exec(host, "awk '/eth0/ { print $2 }' /proc/net/dev")
    )


def assert_nothing_left(bed: Testbed) -> None:
    """Of any delivery, on any host."""
    for host in bed.addresses:
        assert left(bed, host) == ""


def push(place: Place, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`launcher image push`."""
    return place.launcher("image", "push", name, "-c", place.cluster, *words)
