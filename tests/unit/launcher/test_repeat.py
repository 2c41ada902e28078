"""Something done now and then."""

from __future__ import annotations

import threading

from launcher.repeat import repeating


def test_it_is_done_again_and_again_until_the_end() -> None:
    times = threading.Semaphore(0)
    before = set(threading.enumerate())
    with repeating(times.release, 0.001):
        assert all(times.acquire(timeout=30) for _ in range(3))
    assert set(threading.enumerate()) <= before
