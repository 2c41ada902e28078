"""How far clocks of hosts are ahead, and how closely that is known."""

from __future__ import annotations

import pytest

from launcher.hosts import HostError, LocalHost, clock
from launcher.hosts.clock import Clock, best, measure, parse_clocks
from tests.fakes import FakeHost


def test_this_machine_has_the_time_of_this_machine() -> None:
    found = measure(LocalHost())
    assert abs(found.skew) <= found.error + 0.0002  # rounding
    assert found.to_here(1000.0) == pytest.approx(1000.0, abs=0.0002)


def test_a_host_tells_its_time_between_two_moments_of_ours(monkeypatch) -> None:
    moments = iter([100.0, 102.0, 200.0, 200.2, 300.0, 301.0])
    monkeypatch.setattr(clock.time, "time", lambda: next(moments))
    told = iter(["131.0\n", "230.11\n", "330.4\n"])
    host = FakeHost("far", {"clock": lambda: next(told)})
    assert measure(host) == Clock(skew=30.01, error=0.1)


def test_a_host_that_does_not_answer_has_no_clock() -> None:
    with pytest.raises(HostError, match="no answer"):
        measure(FakeHost("far", {"clock": ["100.0\n", HostError("host far: no answer")]}))


def test_the_closest_look_counts() -> None:
    assert best([Clock(5.0, 2.0), Clock(4.0, 0.5), Clock(6.0, 0.7)]) == Clock(4.0, 0.5)


@pytest.mark.parametrize(
    ("skew", "error", "here"),
    [(30.0, 0.1, 970.0), (-30.0, 0.1, 1030.0), (0.05, 0.1, 1000.0), (-0.1, 0.1, 1000.0), (0.0, 0.0, 1000.0)],
)
def test_a_skew_within_its_error_is_none(skew: float, error: float, here: float) -> None:
    assert Clock(skew, error).to_here(1000.0) == here


def test_clocks_as_events_have_them() -> None:
    assert parse_clocks({"a": {"skew": 1, "error": 0.5}}) == {"a": Clock(1.0, 0.5)}
