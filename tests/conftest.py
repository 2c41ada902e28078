"""Fixtures of all tests."""

import pytest

from tests.hostile import HOSTILE


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text)[:30])
def hostile(request: pytest.FixtureRequest) -> str:
    """One text that must arrive as it is; a test that takes it runs for each of tests/hostile.py."""
    return request.param
