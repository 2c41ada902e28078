"""What ranks see on hosts with NPUs; the NPUs are faked, the containers are real."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from launcher.errors import ExitCode
from launcher.spec.load import load_cluster

FILES = Path(__file__).parent / "testbed" / "files"

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


@pytest.fixture
def ascend_runtime(bed):
    """h1 and h2 have an OCI runtime of the name ascend for the length of a test."""
    for host in ("h1", "h2"):
        for name in ("ascend", "ascend.py"):
            at, text = f"/usr/local/sbin/testbed-{name}", shlex.quote((FILES / name).read_text())
            bed.exec(host, f"printf %s {text} >{at} && chmod 755 {at}")
        have_runtimes(bed, host, "testbed", "ascend")
    yield
    for host in ("h1", "h2"):
        have_runtimes(bed, host, "testbed")


def have_runtimes(bed, host: str, *names: str) -> None:
    """The engine of a host reads anew which OCI runtimes there are."""
    runtimes = {name: {"path": f"/usr/local/sbin/testbed-{name}"} for name in names}
    runtimes["testbed"] = {"path": "/usr/local/sbin/testbed-runtime"}
    settings = shlex.quote(json.dumps({"runtimes": runtimes, "default-runtime": "testbed"}))
    bed.exec(host, f"printf %s {settings} >/etc/docker/daemon.json && kill -HUP $(cat /run/docker.pid)")
    known = "docker info --format '{{json .Runtimes}}' | grep -q ascend"
    wanted = known if "ascend" in names else f"! {{ {known}; }}"
    bed.exec(host, f"for _ in $(seq 100); do if {wanted}; then exit 0; fi; sleep 0.1; done; exit 1")


SHOW_BY_RUNTIME = """
    ls /dev | grep davinci | tr '\n' ' '
    echo "$RANK_ID $DEVICE_ID visible $ASCEND_VISIBLE_DEVICES $(id -G)"
    : </dev/davinci$ASCEND_VISIBLE_DEVICES && : >/dev/hisi_hdc && npu-smi info -l >/dev/null && echo npu-smi
    cat /etc/hccn.conf /etc/ascend_install.info /usr/local/Ascend/driver/version.info | grep -c =
    [ -x /usr/local/Ascend/driver/tools/hccn_tool ] && echo hccn_tool
    touch /usr/local/Ascend/driver/lib64/x || echo read-only
"""


def test_the_ascend_docker_runtime_gives_each_rank_its_npu(place, bed, ascend_runtime):
    """A stand-in for it; that a rank asks for it in the right words is what is shown."""
    place.cluster = place.write("cluster.yaml", ascend(bed, driver={"docker_runtime": True}))
    done = place.run(place.job(SHOW_BY_RUNTIME, ranks=8, launch="rank_table"))
    assert done.returncode == ExitCode.OK, done.stderr
    for rank in range(8):
        log = place.directory(place.only_run()) / f"LOG{rank}" / "log.txt"
        seen, smi, facts, hccn_tool, driver, *_ = log.read_text().splitlines()
        device = rank % 4
        assert seen == f"davinci{device} davinci_manager {rank} 0 visible {device} 0 1000"
        assert (smi, hccn_tool, int(facts) > 8) == ("npu-smi", "hccn_tool", True)
        assert driver.endswith("Read-only file system")
    place.assert_nothing_left()


@pytest.mark.full
def test_discover_writes_that_hosts_have_the_ascend_docker_runtime(place, bed, ascend_runtime):
    place.cluster = place.write("cluster.yaml", ascend(bed))
    done = place.launcher("discover", "-c", place.cluster, "--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "runtime ascend" in done.stdout
    assert load_cluster(place.cluster, environ={}).driver.docker_runtime


@pytest.mark.parametrize("launch", ["dynamic", "none"])
def test_other_ways_to_meet(place, bed, launch):
    place.cluster = place.write("cluster.yaml", ascend(bed))
    done = place.run(place.job('echo "$MS_ROLE $MS_SCHED_HOST $HCCL_IF_IP"', ranks=8, launch=launch))
    assert done.returncode == ExitCode.OK, done.stderr
    said = (place.directory(place.only_run()) / "LOG5" / "log.txt").read_text()
    one, two = list(bed.addresses.values())[:2]
    assert said == (f"MS_WORKER {one} {two}\n" if launch == "dynamic" else "  \n")
