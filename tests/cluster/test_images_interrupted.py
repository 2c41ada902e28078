"""Deliveries of an image that somebody or something ends half-way: they go on, or the next one does."""

from __future__ import annotations

import re
import signal

import pytest

from launcher.errors import ExitCode
from tests.cluster.delivered import (
    WORKS,
    assert_nothing_left,
    derive,
    image_id,
    left,
    parcel,
    push,
    received,
)

SAVES = "pgrep -fx 'sleep 3000'"


def slowly(place, bed, image_name: str, rate: str = "40mbit", last: str = "h2"):
    """A push of 20 MB over slow links, once some of it has arrived at the last host."""
    derive(bed, "h1", image_name)
    for number in range(2, int(last[1:]) + 1):
        bed.slow(f"h{number}", rate)
    process = place.popen("image", "push", image_name, "-c", str(place.cluster))
    place.wait_for(lambda: parcel(bed, last) > 1_000_000)
    return process


def three_hosts(place, bed) -> None:
    bed.up(3)
    place.use("h1", "h2", "h3")
    place.patience = 240.0  # until a connection is known to be dead


@pytest.mark.full
def test_a_broken_connection_goes_on_where_it_was(place, bed, image_name):
    process = slowly(place, bed, image_name)
    bed.exec("h2", "pkill -f '[s]sh -F /dev/null'")
    there = parcel(bed, "h2")
    bed.clear("h2")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert there > 1_000_000 and "through this machine" not in err
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)


def test_a_launcher_that_is_killed_goes_on_where_it_was(place, bed, image_name):
    process = slowly(place, bed, image_name)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    place.wait_for(lambda: all(left(bed, host, WORKS) == "" for host in ("h1", "h2")))
    assert left(bed, "h1") == "" and image_id(bed, "h2", image_name) == ""
    there = parcel(bed, "h2")
    assert 1_000_000 < there < 20_000_000
    bed.clear("h2")
    before = received(bed, "h2")
    done = push(place, image_name)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^host h2: .* of it are there from an earlier delivery$", done.stderr, re.MULTILINE)
    assert received(bed, "h2") - before < 22_000_000 - there + 1_000_000
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_what_was_interrupted_is_removed_by_clean_and_by_another_delivery(place, bed, image_name):
    for remove in (
        lambda: place.launcher("clean", "-y", "-c", place.cluster),
        lambda: (derive(bed, "h1", image_name, size="1M"), push(place, image_name)),
    ):
        process = slowly(place, bed, image_name)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        place.wait_for(lambda: left(bed, "h2", WORKS) == "")
        bed.clear("h2")
        assert parcel(bed, "h2") > 1_000_000
        remove()
        assert_nothing_left(bed)


@pytest.mark.full
def test_a_cancelled_run_leaves_nothing_of_its_image(place, bed, image_name):
    derive(bed, "h1", image_name)
    bed.slow("h2", "20mbit")
    run = place.detached(place.job("true", ranks=4, placement="spread", image=image_name))
    place.wait_for(lambda: parcel(bed, "h2") > 1_000_000)
    assert place.launcher("cancel", run).returncode in (0, ExitCode.CANCELLED)
    assert_nothing_left(bed)
    assert image_id(bed, "h2", image_name) == ""


@pytest.mark.full
def test_a_run_that_is_cancelled_while_the_image_is_saved_ends_at_once(place, bed, image_name):
    derive(bed, "h1", image_name)
    docker = bed.ssh("h1", "command -v docker").stdout.strip()
    hangs = f'#!/bin/sh\n[ "$1" != save ] || exec sleep 3000\nexec {docker}.is "$@"\n'
    bed.exec("h1", f"mv {docker} {docker}.is && printf '{hangs}' >{docker} && chmod 755 {docker}")
    try:
        run = place.detached(place.job("true", ranks=4, placement="spread", image=image_name))
        place.wait_for(lambda: left(bed, "h1", SAVES))
        assert place.launcher("cancel", run).returncode in (0, ExitCode.CANCELLED)
        place.wait_for(lambda: left(bed, "h1", SAVES) == "")
    finally:
        bed.exec("h1", f"mv {docker}.is {docker}")
    assert_nothing_left(bed)


@pytest.mark.full
def test_a_power_cut_on_the_way_costs_no_more_than_what_was_lost(place, bed, image_name):
    process = slowly(place, bed, image_name)
    bed.kill("h2")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bed.start("h2")
    bed.clear("h2")
    spoil = "printf xxxx | dd of=$parcel bs=1 seek=1000 conv=notrunc 2>/dev/null"
    bed.exec("h2", f"for parcel in /var/tmp/launcher-*/images/*/parcel; do {spoil}; done")
    done = push(place, image_name)
    assert done.returncode == 0, done.stderr
    assert "are there from an earlier delivery" in done.stderr
    assert "host h2: the image arrived other than it was sent; it is fetched anew" in done.stderr
    assert "through this machine" not in done.stderr
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_past_a_host_that_goes_off_on_the_way(place, bed, image_name):
    three_hosts(place, bed)
    process = slowly(place, bed, image_name, last="h3")
    bed.kill("h2")
    bed.clear("h3")
    _, err = process.communicate(timeout=place.patience)
    assert process.returncode == ExitCode.LOST_CONTACT and "error: host h2: " in err, err
    assert "it was fetching from h2, and tries another way" in err and "error: host h3" not in err
    assert image_id(bed, "h3", image_name) == image_id(bed, "h1", image_name)
    bed.start("h2")
    bed.clear("h2")
    assert push(place, image_name).returncode == 0
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)


@pytest.mark.full
def test_where_the_only_host_that_has_it_goes_off_the_next_try_finishes(place, bed, image_name):
    three_hosts(place, bed)
    process = slowly(place, bed, image_name, rate="10mbit", last="h3")
    bed.kill("h1")
    _, err = process.communicate(timeout=place.patience)
    assert process.returncode == ExitCode.LOST_CONTACT, err
    assert f"error: host h1: contact lost while it gave an image; no other host has image {image_name}" in err
    assert "which h2, h3 lack\n" in err and "next: when it is back, the same again" in err
    bed.start("h1")
    there = {host: parcel(bed, host) for host in ("h2", "h3")}
    assert min(there.values()) > 1_000_000
    done = push(place, image_name)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("of it are there from an earlier delivery") == 2
    assert_nothing_left(bed)


@pytest.mark.full
def test_where_a_host_that_gives_it_goes_off_another_goes_on(place, bed, image_name):
    three_hosts(place, bed)
    derive(bed, "h1", image_name)
    place.use("h1", "h3")
    assert push(place, image_name).returncode == 0
    place.use("h1", "h2", "h3")
    bed.slow("h2", "10mbit")
    process = place.popen("image", "push", image_name, "-c", str(place.cluster))
    place.wait_for(lambda: parcel(bed, "h2") > 1_000_000)
    bed.kill("h1")
    _, err = process.communicate(timeout=place.patience)
    assert process.returncode == 0, err
    assert "host h1: contact lost while it gave an image; it is sent from h3 instead" in err
    assert "are there from an earlier delivery" in err
    assert image_id(bed, "h2", image_name) == image_id(bed, "h3", image_name)


@pytest.mark.full
def test_what_is_not_what_was_sent_is_refused_and_sent_anew(place, bed, image_name):
    process = slowly(place, bed, image_name)
    spoil = "printf xxxxxxxx | dd of=$parcel bs=1 seek=20000000 conv=notrunc"
    bed.exec("h1", f"for parcel in /var/tmp/launcher-*/images/*/parcel; do {spoil}; done")
    bed.clear("h2")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.count("host h2: the image arrived other than it was sent") == 3
    assert image_id(bed, "h2", image_name) == image_id(bed, "h1", image_name)
    assert_nothing_left(bed)
