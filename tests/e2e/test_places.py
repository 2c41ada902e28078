"""The places of the tests themselves: none meets what another one left."""

from __future__ import annotations

import os
import signal

from tests.e2e.conftest import LocalPlace


def test_no_two_places_have_a_device_in_common(place, tmp_path):
    (tmp_path / "other").mkdir()
    other = LocalPlace(tmp_path / "other")
    assert abs(other.base - place.base) >= 8


def test_locks_of_a_dead_supervisor_do_not_outlive_the_place(place):
    run = place.detached(place.job("exec sleep 1000"))
    place.until_running(run)
    os.kill(place.supervisor_pid(run), signal.SIGKILL)
    assert len(place.locks()) == 4
    place.clean_up()
    place.assert_nothing_left()
