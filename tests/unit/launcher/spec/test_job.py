import pytest

from launcher.spec.cluster import DeviceKind
from launcher.spec.job import Job, Launch


@pytest.mark.parametrize(
    ("ranks", "devices", "launch", "kind", "expected"),
    [
        (8, 1, None, DeviceKind.ASCEND910, Launch.RANK_TABLE),
        (8, 1, None, DeviceKind.CPU, Launch.DYNAMIC),
        (1, 1, None, DeviceKind.CPU, Launch.NONE),
        (1, 1, None, DeviceKind.ASCEND910B, Launch.NONE),
        (8, 0, None, DeviceKind.ASCEND910, Launch.NONE),
        (1, 1, Launch.DYNAMIC, DeviceKind.ASCEND910, Launch.DYNAMIC),
        (8, 1, Launch.NONE, DeviceKind.ASCEND910, Launch.NONE),
    ],
)
def test_how_ranks_find_each_other(ranks, devices, launch, kind, expected) -> None:
    job = Job(
        schema=1, name="a", ranks="all", devices_per_rank=devices, launch=launch, command=["sleep", "1"]
    )
    assert job.launch_on(kind, ranks) is expected
