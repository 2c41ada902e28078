"""Which NPUs the Ascend Docker Runtime gives to a container."""

from __future__ import annotations

import pytest

from launcher.npu.docker_runtime import is_given


@pytest.mark.parametrize(
    ("visible", "given"),
    [
        ("3", [3]),
        ("0-2,4", [0, 1, 2, 4]),
        (" 1 - 2 , 10 ", [1, 2, 10]),
        ("npu-1,npu-3", [1, 3]),
        ("Ascend910-2", [2]),
        ("void", []),
        ("", []),
        ("2-1,x,-1,1-2-3", []),  # the runtime starts no such container
    ],
)
def test_ids_ranges_and_names(visible, given):
    env = ["PATH=/bin", f"ASCEND_VISIBLE_DEVICES={visible}"]
    assert [device for device in range(12) if is_given(device, env)] == given


def test_without_the_variable_and_with_it_twice():
    assert not is_given(0, [])
    assert not is_given(0, ["ASCEND_VISIBLE_DEVICES=0", "ASCEND_VISIBLE_DEVICES=1"])
    assert is_given(1, ["ASCEND_VISIBLE_DEVICES=0", "ASCEND_VISIBLE_DEVICES=1"])
