"""What ranks see on hosts with NPUs; the NPUs are faked, the containers are real."""

from __future__ import annotations

import json

import pytest

from launcher.errors import ExitCode

SHOW = """
    ls /dev | grep davinci | tr '\\n' ' '
    echo "$RANK_ID $DEVICE_ID $HCCL_CONNECT_TIMEOUT $(id -G)"
    cat /etc/hccn.conf | head -n 1
    npu-smi info -l >/dev/null && echo npu-smi
    cp "$RANK_TABLE_FILE" "$LAUNCHER_LOG_DIR/table"
    touch "$ASCEND_PROCESS_LOG_PATH/plog" && touch /usr/local/Ascend/driver/x || echo read-only
"""


def ascend(bed, **more) -> dict:
    """A cluster of two hosts with four NPUs each."""
    cluster = bed.cluster("h1", "h2", device="ascend910b", **more)
    for number, host in enumerate(cluster["hosts"], 1):
        host["device_ips"] = {device: f"29.{number}.{device}.2" for device in range(4)}
        host["device_gid"] = 1000
    return cluster


def test_each_rank_sees_its_own_npu_and_the_driver_read_only(place, bed):
    place.cluster = place.write("cluster.yaml", ascend(bed))
    done = place.run(place.job(SHOW, ranks=8, launch="rank_table"))
    assert done.returncode == ExitCode.OK, done.stderr
    directory = place.directory(place.only_run())
    for rank in range(8):
        seen, conf, smi, driver, *_ = (directory / f"LOG{rank}" / "log.txt").read_text().splitlines()
        assert seen == f"davinci{rank % 4} davinci_manager {rank} 0 600 0 1000"
        assert conf.startswith("address_0=29.") and smi == "npu-smi"
        assert driver.endswith("Read-only file system")
        assert (directory / f"LOG{rank}" / "plog" / "plog").is_file()
        table = json.loads((directory / f"LOG{rank}" / "table").read_text())
        assert [server["server_id"] for server in table["server_list"]] == list(bed.addresses.values())[:2]
    place.assert_nothing_left()


def test_a_host_without_the_device_is_refused(place, bed):
    bed.exec("h2", "rm /dev/davinci2")
    place.cluster = place.write("cluster.yaml", ascend(bed))
    done = place.run(place.job("true", ranks=8, launch="rank_table"))
    bed.exec("h2", "mknod -m 660 /dev/davinci2 c 1 3 && chgrp 1000 /dev/davinci2")
    assert done.returncode == ExitCode.CHECK_FAILED
    assert "host h2: driver: /dev/davinci2 is not there" in done.stderr


def test_the_ascend_docker_runtime_is_asked_for_by_name(place, bed):
    place.cluster = place.write("cluster.yaml", ascend(bed, driver={"docker_runtime": True}))
    done = place.run(place.job("true", ranks=8, launch="rank_table"))
    assert done.returncode == ExitCode.CHECK_FAILED
    assert "host h2: runtime: Docker has no runtime ascend" in done.stderr


@pytest.mark.parametrize("launch", ["dynamic", "none"])
def test_other_ways_to_meet(place, bed, launch):
    place.cluster = place.write("cluster.yaml", ascend(bed))
    done = place.run(place.job('echo "$MS_ROLE $MS_SCHED_HOST $HCCL_IF_IP"', ranks=8, launch=launch))
    assert done.returncode == ExitCode.OK, done.stderr
    said = (place.directory(place.only_run()) / "LOG5" / "log.txt").read_text()
    one, two = list(bed.addresses.values())[:2]
    assert said == (f"MS_WORKER {one} {two}\n" if launch == "dynamic" else "  \n")
