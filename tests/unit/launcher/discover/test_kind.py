"""The name of a chip is not its generation."""

from __future__ import annotations

import pytest

from launcher.discover.kind import common_kind, kind_of
from launcher.spec.cluster import DeviceKind
from tests.unit.launcher.discover.hosts import chips


@pytest.mark.parametrize(
    ("name", "dies", "kind"),
    [
        ("910A", 1, "ascend910"),
        ("910ProB", 1, "ascend910"),
        ("910PremiumA", 1, "ascend910"),
        ("910B3", 1, "ascend910b"),
        ("Ascend 910B4-1", 1, "ascend910b"),
        ("910B", 1, "ascend910b"),
        ("Ascend910", 2, "ascend910_93"),
        ("Ascend910_9392", 1, "ascend910_93"),
        ("910C", 1, "ascend910_93"),
        ("Ascend910", 1, None),
        ("310P3", 1, None),
        ("310P3", 2, None),
        ("Ascend950DT", 1, None),
        ("", 1, None),
    ],
)
def test_kinds(name, dies, kind):
    assert kind_of(chips(name, range(4), dies)) == (DeviceKind(kind) if kind else None)


def test_hosts_count_one_by_one_and_must_agree():
    a2, a3 = chips("910B3", range(8)), chips("Ascend910", range(16), 2)
    assert common_kind([a2, a2, ()]) is DeviceKind.ASCEND910B
    assert common_kind([a2, a3]) is None
    assert kind_of((*chips("910B3", [0]), *chips("910A", [1]))) is None
    assert common_kind([]) is None and kind_of([]) is None
