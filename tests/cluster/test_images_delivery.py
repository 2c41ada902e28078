"""An image that one host has gets to the others, whole or not at all, and nothing else stays there."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from launcher.errors import ExitCode
from tests.cluster.images.golden import SMALL

LEFT = (
    "ls -d /var/tmp/launcher-*/images /dev/shm/launcher-* /tmp/launcher-*; pgrep -fa '[s]shd.*launcher-image'"
)


def derive(bed, host: str, name: str, size: str = "20M", base: str = SMALL) -> None:
    """An image of a layer of its own, which does not compress, above a base."""
    bed.exec(
        host,
        f"mkdir -p /tmp/layer && head -c {size} /dev/urandom >/tmp/layer/fill && "
        f"printf 'FROM {base}\\nCOPY fill /fill\\n' >/tmp/layer/Dockerfile && "
        f"DOCKER_BUILDKIT=0 docker build -q -t {name} /tmp/layer 2>/dev/null",
    )


def derive_for_arm(bed, host: str, name: str) -> None:
    """The small image, but that it says that it is for another architecture."""
    bed.exec(
        host,
        f"mkdir -p /tmp/arm && docker save {SMALL} | tar -x -C /tmp/arm && cd /tmp/arm && "
        'config=$(sed \'s/.*"Config":"\\([^"]*\\).*/\\1/\' manifest.json) && '
        'sed -i \'s/"architecture":"amd64"/"architecture":"arm64"/\' $config && '
        f'sed -i \'s|"RepoTags":.*\\],"L|"RepoTags":["{name}"],"L|\' manifest.json && rm -f repositories && '
        "tar -c . | docker load; rm -rf /tmp/arm",
    )


def image_id(bed, host: str, name: str) -> str:
    """Empty where it is not there."""
    return bed.exec(
        host, f"docker image inspect --format '{{{{.Id}}}}' {name} 2>/dev/null", check=False
    ).strip()


def received(bed, host: str) -> int:
    """Bytes that have come in over the network."""
    return int(bed.exec(host, "cat /sys/class/net/eth0/statistics/rx_bytes || true") or 0) or int(
        bed.exec(host, "awk '/eth0/ { print $2 }' /proc/net/dev")
    )


@pytest.fixture
def name(bed):
    """An image that no host has, gone again afterwards."""
    yield "mine/delivered:1"
    bed.mend()
    for host in ("h1", "h2"):
        bed.exec(host, "docker rmi -f mine/delivered:1", check=False)


def assert_nothing_left(bed) -> None:
    for host in ("h1", "h2"):
        assert bed.exec(host, f"({LEFT}) 2>/dev/null; true") == ""


def push(place, name: str, *words: str):
    return place.launcher("image", "push", name, "-c", place.cluster, *words)


def test_a_run_gives_the_image_to_the_host_that_lacks_it(place, bed, name):
    derive(bed, "h1", name)
    done = place.run(place.job("echo trained", ranks=4, placement="spread", image=name))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    phases = [event["phase"] for event in place.events(run) if event["event"] == "phase"]
    assert phases[:6] == ["connect", "check", "lock", "bind", "upload", "image"]
    for rank in range(4):
        assert "trained" in (place.directory(run) / f"LOG{rank}" / "log.txt").read_text()
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)
    said = [event["message"] for event in place.events(run) if event["event"] == "image"]
    assert re.fullmatch(rf"image {name}: 2\d MB from h1 to h2, 1 layer\(s\) are there already", said[0])
    assert_nothing_left(bed)
    place.assert_nothing_left()


def test_where_it_is_present_nothing_is_sent(place, bed, name):
    derive(bed, "h1", name)
    assert push(place, name).returncode == 0
    before = received(bed, "h2")
    done = push(place, name, "--json")
    assert '"sent_to": []' in done.stdout and "is on all hosts" in done.stderr
    assert received(bed, "h2") - before < 1_000_000
    run = place.run(place.job("true", ranks=4, placement="spread", image=name))
    assert run.returncode == 0
    assert "image" not in place.result(place.only_run())["seconds"]


@pytest.mark.full
def test_a_user_without_rights_on_the_host_can_do_it(place, bed, name):
    derive(bed, "h1", name)
    place.use("h1", "h2", user="trainer")
    done = push(place, name)
    assert done.returncode == 0, done.stderr
    assert "through this machine" not in done.stderr
    assert image_id(bed, "h2", name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_host_that_lacks_all_layers_gets_it_whole(place, bed, name):
    bed.exec("h1", f"tar -C /usr/share/zoneinfo -c . | docker import - {name}")
    done = push(place, name)
    assert done.returncode == 0 and "already" not in done.stderr, done.stderr
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)


def test_two_images_of_one_name_are_refused_until_one_is_chosen(place, bed, name):
    for host in ("h1", "h2"):
        derive(bed, host, name, size="1M")
    done = place.run(place.job("true", ranks=4, placement="spread", image=name))
    assert done.returncode == ExitCode.CHECK_FAILED
    assert f"host h2: image: image {name} is " in done.stderr and "--from h1" in done.stderr
    refused = push(place, name)
    assert refused.returncode == ExitCode.CHECK_FAILED and "not the same on all hosts" in refused.stderr
    chosen = image_id(bed, "h2", name)
    assert push(place, name, "--from", "h2").returncode == 0
    assert image_id(bed, "h1", name) == image_id(bed, "h2", name) == chosen
    assert_nothing_left(bed)


def test_an_image_for_another_architecture_is_refused(place, bed, name):
    derive_for_arm(bed, "h1", name)
    done = push(place, name)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "host h2: image mine/delivered:1 is for arm64, the host is amd64" in done.stderr
    assert image_id(bed, "h2", name) == ""


def slowly(place, bed, name: str, rate: str = "40mbit"):
    """A push of 20 MB over a slow link, once some of it has arrived."""
    derive(bed, "h1", name)
    bed.slow("h2", rate)
    process = place.popen("image", "push", name, "-c", str(place.cluster))
    place.wait_for(lambda: parcel(bed, "h2") > 1_000_000)
    return process


def parcel(bed, host: str) -> int:
    size = bed.exec(host, "stat -c %s /var/tmp/launcher-*/images/*/parcel 2>/dev/null; true")
    return int(size or 0)


@pytest.mark.full
def test_a_broken_connection_goes_on_where_it_was(place, bed, name):
    process = slowly(place, bed, name)
    bed.exec("h2", "pkill -f '[s]sh -F /dev/null'")
    there = parcel(bed, "h2")
    bed.clear("h2")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert there > 1_000_000 and "through this machine" not in err
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_launcher_that_is_killed_leaves_nothing_and_begins_anew(place, bed, name):
    process = slowly(place, bed, name)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    place.wait_for(lambda: parcel(bed, "h1") == parcel(bed, "h2") == 0)
    bed.clear("h2")
    assert image_id(bed, "h2", name) == ""
    place.wait_for(lambda: bed.exec("h2", f"({LEFT}) 2>/dev/null; true") == "")
    assert push(place, name).returncode == 0
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_what_is_not_what_was_sent_is_refused_and_sent_anew(place, bed, name):
    process = slowly(place, bed, name)
    spoil = "printf xxxxxxxx | dd of=$parcel bs=1 seek=20000000 conv=notrunc"
    bed.exec("h1", f"for parcel in /var/tmp/launcher-*/images/*/parcel; do {spoil}; done")
    bed.clear("h2")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.count("host h2: the image arrived other than it was sent") == 2
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_where_hosts_cannot_reach_each_other_it_goes_through_this_machine(place, bed, name):
    derive(bed, "h1", name)
    address = bed.addresses["h2"]
    bed.exec("h1", f"iptables -I INPUT -s {address} -j REJECT")
    try:
        done = push(place, name)
    finally:
        bed.exec("h1", f"iptables -D INPUT -s {address} -j REJECT")
    assert done.returncode == 0, done.stderr
    assert "host h2: from h1 through this machine" in done.stderr
    assert image_id(bed, "h2", name) == image_id(bed, "h1", name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_host_without_an_address_gets_it_through_this_machine(place, bed, name):
    derive(bed, "h1", name)
    cluster = bed.cluster("h1", "h2")
    for host in cluster["hosts"]:
        del host["host_ip"]
    place.cluster = place.write("cluster.yaml", cluster)
    done = push(place, name)
    assert done.returncode == 0, done.stderr
    assert "from h1 through this machine: no address of it is known" in done.stderr
    assert image_id(bed, "h2", name)


@pytest.mark.full
def test_a_host_without_room_is_named(place, bed, name):
    derive(bed, "h1", name)
    bed.fill_disk("h2", "8m")
    done = push(place, name)
    assert done.returncode == ExitCode.JOB_FAILED
    assert re.search(r"host h2: \S+ has room for \d MB, the image needs 2\d MB there", done.stderr), (
        done.stderr
    )
    bed.empty_disk("h2")
    assert image_id(bed, "h2", name) == ""


@pytest.mark.full
def test_a_run_whose_image_cannot_be_sent_has_not_started(place, bed, name):
    derive(bed, "h1", name)
    bed.fill_disk("h2", "8m")
    done = place.run(place.job("true", ranks=4, placement="spread", image=name))
    bed.empty_disk("h2")
    assert done.returncode == ExitCode.START_FAILED, done.stderr
    assert "has room for" in done.stderr
    place.assert_nothing_left()


def test_images_are_listed_with_their_identity(place, bed, name):
    derive(bed, "h1", name, size="1M")
    push(place, name)
    done = place.launcher("image", "list", "-c", place.cluster)
    rows = [line.split() for line in done.stdout.splitlines() if name in line]
    assert [row[0] for row in rows] == ["h1", "h2"] and rows[0][2] == rows[1][2]


# ---- build


def write_context(place, *lines: str) -> Path:
    directory = place.path / "my-image"
    directory.mkdir()
    (directory / "Dockerfile").write_text("\n".join(lines) + "\n")
    return directory


def build(place, *words: str | Path):
    return place.launcher("image", "build", *words, "-c", place.cluster)


def test_an_image_is_built_on_the_first_host(place, bed, name):
    context = write_context(place, f"FROM {SMALL}", "ARG WHO", "RUN echo hello $WHO >/greeting")
    done = build(place, context, "--tag", name, "--build-arg", "WHO=you")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name} on h1: ") and "Step 1/3" in done.stderr
    assert image_id(bed, "h1", name) and not image_id(bed, "h2", name)
    assert bed.exec("h1", f"docker run --rm --network none {name} cat /greeting") == "hello you\n"


def test_a_build_that_fails_says_its_last_words(place, bed, name):
    context = write_context(place, f"FROM {SMALL}", "RUN echo oh no >&2 && exit 7")
    done = build(place, context, "--tag", name, "--on", "h2")
    assert done.returncode == ExitCode.JOB_FAILED
    assert "error: host h2: the build failed; its last words:" in done.stderr
    last = done.stderr.partition("its last words:")[2]
    assert "oh no" in last and "returned a non-zero code: 7" in last


@pytest.mark.full
def test_an_image_built_for_another_architecture_is_refused(place, bed, name):
    derive_for_arm(bed, "h1", name)
    context = write_context(place, f"FROM {name}", "LABEL a=b")
    done = build(place, context, "--tag", name)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert f"built on h1, image {name} is for arm64, but h1 is amd64, h2 is amd64" in done.stderr
