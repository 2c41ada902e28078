"""What HCCL finds by a name of an interface."""

from __future__ import annotations

import pytest

from launcher.npu.ifname import names_one


@pytest.mark.parametrize(
    ("ifname", "finds"),
    [
        ("eth0", True),
        ("eth", True),
        ("=eth0", True),
        ("=eth", False),
        ("ib", False),
        ("^docker0", True),
        ("eth,ib", True),
    ],
)
def test_names_begin_or_are_whole(ifname, finds):
    assert names_one(ifname, ["lo", "eth0"]) is finds
