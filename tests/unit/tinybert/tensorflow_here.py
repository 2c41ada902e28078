"""Tests that need TensorFlow: skipped where it is not installed, but never in CI, which must run them."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

needs_tensorflow = pytest.mark.skipif(
    find_spec("tensorflow") is None and "CI" not in os.environ,
    reason="needs TensorFlow: pip install -e '.[convert]'",
)
