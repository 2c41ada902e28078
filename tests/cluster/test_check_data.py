"""Volumes that are not there, not the same, or not the one that all share; found on h2.

NFS is a stand-in: a `stat` on the hosts that says so of /shared, which all hosts have in common.
"""

from __future__ import annotations

import pytest

from tests.cluster.checks import Checks

full = pytest.mark.full
DATA = "/data/corpus"
MAKE = f"""mkdir -p {DATA}/part && cd {DATA} && for n in 1 2 3 4; do
    head -c 100000 /dev/zero | tr '\\0' "$n" >"part/$n of 4.tfrecord"
done"""
VOLUMES = {"dataset": {"source": DATA}}
STAT = 'case "$*" in -f*/shared*) echo nfs ;; *) exec /usr/bin/stat "$@" ;; esac'


@pytest.fixture
def checks(place):
    """Both hosts have the same data; what has been made of it goes with the test."""
    for host in ("h1", "h2"):
        place.bed.exec(host, MAKE)
    yield Checks(place)
    for host in ("h1", "h2"):
        place.bed.exec(host, "rm -rf /data")


def found(rule: str, level: str = "error") -> set[tuple[str, str, str]]:
    return {("h2", rule, level)}


@full
@pytest.mark.parametrize(
    ("volumes", "words"),
    [
        ({"dataset": {"source": "/data/none"}}, "volume dataset: /data/none is not there"),
        ({"output": {"source": "/data/none"}}, "mkdir -p /data/none"),
    ],
)
def test_a_volume_that_is_not_there(checks, bed, volumes, words):
    bed.exec("h1", "mkdir -p /data/none")
    checks.assert_found(found("volumes"), words, volumes=volumes)
    bed.exec("h2", "mkdir -p /data/none")
    checks.assert_good(volumes=volumes)


@full
def test_a_volume_that_may_not_be_read_or_written(checks, bed):
    checks.place.use(user="trainer")
    volumes = {**VOLUMES, "output": {"source": "/data/out"}}
    for host in ("h1", "h2"):
        bed.exec(host, "mkdir /data/out && chown trainer /data/out")
    with checks.doing(
        "h2", f"chmod 700 {DATA}; chown root /data/out", f"chmod 755 {DATA}; chown trainer /data/out"
    ):
        checks.assert_found(found("volumes"), "may not be read", "may not be written", volumes=volumes)
    checks.assert_good(volumes=volumes)


OTHERS = [
    ("rm 'part/2 of 4.tfrecord'", "1 missing (part/2 of 4.tfrecord)"),
    ("echo >more", "1 too many (more)"),
    ("echo >>'part/3 of 4.tfrecord'", "1 of another size (part/3 of 4.tfrecord)"),
    ("printf x | dd of='part/4 of 4.tfrecord' conv=notrunc", "1 other inside (part/4 of 4.tfrecord)"),
    (
        "printf x | dd of='part/1 of 4.tfrecord' conv=notrunc seek=99999 bs=1",
        "1 other inside (part/1 of 4.tfrecord)",
    ),
]


@pytest.mark.parametrize(
    ("change", "words"), [OTHERS[3], *(pytest.param(*each, marks=full) for each in OTHERS)]
)
def test_data_that_are_not_the_same(checks, change, words):
    with checks.doing("h2", f"cd {DATA} && {change}", MAKE + " && rm -f more"):
        checks.assert_found(found("data"), f"{DATA} is other than on h1: {words}", "rsync", volumes=VOLUMES)
    checks.assert_good(volumes=VOLUMES)


def test_only_a_deep_look_finds_a_change_in_the_middle_of_a_file(checks):
    change = "printf x | dd of='part/1 of 4.tfrecord' conv=notrunc seek=50000 bs=1"
    with checks.doing("h2", f"cd {DATA} && {change}", MAKE):
        checks.assert_good(volumes=VOLUMES)
        checks.assert_found(
            found("data"), "1 other inside (part/1 of 4.tfrecord)", options=("--deep",), volumes=VOLUMES
        )
    checks.assert_good("--deep", volumes=VOLUMES)


@full
def test_other_volumes_may_differ_but_that_is_said(checks):
    volumes = {"vocabulary": {"source": DATA}}
    with checks.doing("h2", f"echo >{DATA}/more", f"rm {DATA}/more"):
        checks.assert_found(found("data", "warning"), "1 too many (more)", volumes=volumes)
    checks.assert_good(volumes=volumes)


@full
def test_a_host_on_which_the_shared_directory_is_not_mounted(checks, bed):
    volumes = {"output": {"source": "/shared/out"}}
    bed.exec("h1", "mkdir -p /shared/out")
    with checks.stand_in("h1", "stat", STAT), checks.stand_in("h2", "stat", STAT):
        checks.assert_good(volumes=volumes)
        with checks.doing("h2", "mount -t tmpfs tmpfs /shared && mkdir /shared/out", "umount /shared"):
            checks.assert_found(
                found("shared volumes"), "another directory than on h1", "findmnt -T", volumes=volumes
            )
        checks.assert_good(volumes=volumes)
    bed.exec("h1", "rmdir /shared/out")


@full
def test_data_that_takes_too_long_to_look_at(checks):
    with checks.stand_in("h2", "find", 'sleep 25; exec /usr/bin/find "$@"'):
        checks.assert_found(
            found("data", "warning"), "has not been compared: it took too long", volumes=VOLUMES
        )
    checks.assert_good(volumes=VOLUMES)
