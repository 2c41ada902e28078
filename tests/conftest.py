"""Fixtures of all tests."""

import signal

import pytest

from tests.hostile import HOSTILE

# In a test run that was started in the background INT is ignored, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text)[:30])
def hostile(request: pytest.FixtureRequest) -> str:
    """One text that must arrive as it is; a test that takes it runs for each of tests/hostile.py."""
    return request.param
