"""An image that one host has gets to the others, whole or not at all, and nothing else stays there."""

from __future__ import annotations

import re

import pytest

from launcher.errors import ExitCode
from tests.cluster.delivered import (
    assert_nothing_left,
    derive,
    derive_for_arm,
    image_id,
    push,
    received,
)


def test_a_run_gives_the_image_to_the_host_that_lacks_it(place, bed, image_name):
    derive(bed, "h1", image_name)
    done = place.run(place.job("echo trained", ranks=4, placement="spread", image=image_name))
    assert done.returncode == ExitCode.OK, done.stderr
    run = place.only_run()
    phases = [event["phase"] for event in place.events(run) if event["event"] == "phase"]
    assert phases[:6] == ["connect", "check", "lock", "bind", "upload", "image"]
    for rank in range(4):
        assert "trained" in (place.directory(run) / f"LOG{rank}" / "log.txt").read_text()
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    said = [event["message"] for event in place.events(run) if event["event"] == "image"]
    begun = re.compile(rf"image {image_name}: 2\d MB from h1 to h2, 1 layer\(s\) are there already")
    assert any(map(begun.fullmatch, said))  # on a slow host it is said before that the image is being saved
    assert_nothing_left(bed)
    place.assert_nothing_left()


def test_where_it_is_present_nothing_is_sent(place, bed, image_name):
    derive(bed, "h1", image_name)
    assert push(place, image_name).returncode == 0
    before = received(bed, "h2")
    done = push(place, image_name, "--json")
    assert '"sent_to": []' in done.stdout and "is on all hosts" in done.stderr
    assert received(bed, "h2") - before < 1_000_000
    run = place.run(place.job("true", ranks=4, placement="spread", image=image_name))
    assert run.returncode == 0
    assert "image" not in place.result(place.only_run())["seconds"]


@pytest.mark.full
def test_a_user_without_rights_on_the_host_can_do_it(place, bed, image_name):
    derive(bed, "h1", image_name)
    place.use("h1", "h2", user="trainer")
    done = push(place, image_name)
    assert done.returncode == 0, done.stderr
    assert "through this machine" not in done.stderr
    assert image_id(bed, "h2", image_name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_host_that_lacks_all_layers_gets_it_whole(place, bed, image_name):
    bed.exec("h1", f"tar -C /usr/share/zoneinfo -c . | docker import - {image_name}")
    done = push(place, image_name)
    assert done.returncode == 0 and "already" not in done.stderr, done.stderr
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)


def test_two_images_of_one_name_are_refused_until_one_is_chosen(place, bed, image_name):
    for host in ("h1", "h2"):
        derive(bed, host, image_name, size="1M")
    done = place.run(place.job("true", ranks=4, placement="spread", image=image_name))
    assert done.returncode == ExitCode.CHECK_FAILED
    assert f"host h2: image: image {image_name} is " in done.stderr and "--from h1" in done.stderr
    refused = push(place, image_name)
    assert refused.returncode == ExitCode.CHECK_FAILED and "not the same on all hosts" in refused.stderr
    chosen = image_id(bed, "h2", image_name)
    assert push(place, image_name, "--from", "h2").returncode == 0
    assert image_id(bed, "h1", image_name) == image_id(bed, "h2", image_name) == chosen
    assert_nothing_left(bed)


def test_an_image_for_another_architecture_is_refused(place, bed, image_name):
    derive_for_arm(bed, "h1", image_name)
    done = push(place, image_name)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "host h2: image mine/delivered:1 is for arm64, the host is amd64" in done.stderr
    assert image_id(bed, "h2", image_name) == ""


@pytest.mark.full
def test_where_hosts_cannot_reach_each_other_it_goes_through_this_machine(place, bed, image_name):
    derive(bed, "h1", image_name)
    address = bed.addresses["h2"]
    bed.exec("h1", f"iptables -I INPUT -s {address} -j REJECT")
    try:
        done = push(place, image_name)
    finally:
        bed.exec("h1", f"iptables -D INPUT -s {address} -j REJECT")
    assert done.returncode == 0, done.stderr
    assert "host h2: from h1 through this machine" in done.stderr
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_host_without_an_address_gets_it_through_this_machine(place, bed, image_name):
    derive(bed, "h1", image_name)
    cluster = bed.cluster("h1", "h2")
    for host in cluster["hosts"]:
        del host["host_ip"]
    place.cluster = place.write("cluster.yaml", cluster)
    done = push(place, image_name)
    assert done.returncode == 0, done.stderr
    assert "from h1 through this machine: no address of it is known" in done.stderr
    assert image_id(bed, "h2", image_name)


@pytest.mark.full
def test_a_host_without_room_is_named(place, bed, image_name):
    derive(bed, "h1", image_name)
    bed.fill_disk("h2", "8m")
    done = push(place, image_name)
    assert done.returncode == ExitCode.JOB_FAILED
    assert re.search(r"host h2: \S+ has room for \d MB, the image needs 2\d MB there", done.stderr), (
        done.stderr
    )
    bed.empty_disk("h2")
    assert image_id(bed, "h2", image_name) == ""


@pytest.mark.full
def test_a_run_whose_image_cannot_be_sent_has_not_started(place, bed, image_name):
    derive(bed, "h1", image_name)
    bed.fill_disk("h2", "8m")
    done = place.run(place.job("true", ranks=4, placement="spread", image=image_name))
    bed.empty_disk("h2")
    assert done.returncode == ExitCode.START_FAILED, done.stderr
    assert "has room for" in done.stderr
    place.assert_nothing_left()


def test_images_are_listed_with_their_identity(place, bed, image_name):
    derive(bed, "h1", image_name, size="1M")
    push(place, image_name)
    done = place.launcher("image", "list", "-c", place.cluster)
    rows = [line.split() for line in done.stdout.splitlines() if image_name in line]
    assert [row[0] for row in rows] == ["h1", "h2"] and rows[0][2] == rows[1][2]
