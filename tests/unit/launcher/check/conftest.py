"""What a host is asked for by tests of the check."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.check.host_needs import HostNeeds


@pytest.fixture
def needs(tmp_path: Path) -> HostNeeds:
    """Little: a work directory that may be made."""
    return HostNeeds(work_dir=str(tmp_path / "not" / "made"), processes=True, path="", locks=())
