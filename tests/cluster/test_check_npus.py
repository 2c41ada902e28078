"""Each fault of an NPU, of its driver and its network is made on h2, found there, and gone when mended.

The tools of the driver are fakes. A rootless Docker is a stand-in: a `docker` on the host that answers so.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.errors import ExitCode
from tests.cluster.bed import fake
from tests.cluster.checks import Checks
from tests.cluster.images.golden import SMALL

full = pytest.mark.full
FAKE_DOCKER = Path(__file__).parents[1] / "unit" / "launcher" / "fake_docker.py"


def ascend(bed, hosts=2, **more):
    """A cluster of hosts with four NPUs each."""
    names = [f"h{number}" for number in range(1, hosts + 1)]
    cluster = bed.cluster(*names, device="ascend910b", **more)
    for number, host in enumerate(cluster["hosts"], 1):
        host["device_ips"] = {device: f"29.{number}.{device}.2" for device in range(4)}
        host["device_gid"] = 1000
    return cluster


@pytest.fixture
def checks(place, bed):
    place.cluster = place.write("cluster.yaml", ascend(bed))
    made = Checks(place)
    made.job = {"ranks": 4, "placement": "spread", "launch": "rank_table"}  # two NPUs of each host
    return made


def found(rule: str, level: str = "error", host: str = "h2") -> set[tuple[str, str, str]]:
    return {(host, rule, level)}


def no_faults(bed) -> None:
    for host in ("h1", "h2"):
        bed.exec(host, "rm -rf /etc/fake-npu")


def test_npus_that_are_well(checks):
    checks.assert_good()
    done = checks.place.launcher("check", "-c", checks.place.cluster)
    assert (done.returncode, done.stdout) == (0, "cluster testbed, 2 hosts: all good\n"), done.stdout


ANSWERS = [
    ({"health.1": "Critical"}, "health", "error", "the health of NPU 1 is Critical"),
    ({"health.1": "UNKNOWN"}, "health", "warning", "the health of NPU 1 is UNKNOWN"),
    ({"health.0": "Warning"}, "health", "warning", "the health of NPU 0 is Warning"),
    ({"link.1": "DOWN"}, "link", "error", "the link of NPU 1 is DOWN"),
    ({"net_health.0": "Fault"}, "net_health", "error", "the net health of NPU 0 is Fault"),
    ({"net_health.0": "Init"}, "net_health", "warning", "no address to detect"),
    ({"tls.1": "1"}, "TLS", "error", "the TLS switch of NPU 1 is 1, but 0 on h1, h2"),
    (
        {"ip.1": "29.2.77.2"},
        "device ips",
        "error",
        "has the address 29.2.77.2, the cluster file says 29.2.1.2",
    ),
    (
        {"no_ping": "29.1.1.2"},
        "ping",
        "error",
        "NPU 1 gets no answer from 29.1.1.2 on host h1: 0 of 3 packets",
    ),
    ({"processes": "1 0 139667 python 30780"}, "processes", "error", "process 139667 (python, 30780 MB)"),
    ({"fail.npu-smi": "dcmi module initialize failed. ret is -8005"}, "npu-smi", "warning", "ret is -8005"),
]


@pytest.mark.parametrize(
    ("files", "rule", "level", "words"), [ANSWERS[2], *(pytest.param(*each, marks=full) for each in ANSWERS)]
)
def test_what_the_tools_say(checks, bed, files, rule, level, words):
    fake(bed, "h2", **files)
    checks.assert_found(found(rule, level), words)
    no_faults(bed)
    checks.assert_good()


@full
def test_faults_of_npus_that_the_job_does_not_use_do_not_count(checks, bed):
    fake(bed, "h2", **{"health.3": "Critical", "link.2": "DOWN", "tls.3": "1", "processes": "3 0 7 python 1"})
    checks.assert_good()


@full
def test_where_npus_do_not_meet_their_network_is_no_error(checks, bed):
    fake(bed, "h2", **{"link.1": "DOWN", "no_ping": "29.1.1.2"})
    checks.assert_found(found("link", "warning"), launch="none")


@full
def test_an_interface_that_is_not_there(checks, bed):
    cluster = ascend(bed)
    cluster["hosts"][1]["ifname"] = "ib"
    checks.place.cluster = checks.place.write("cluster.yaml", cluster)
    checks.assert_found(found("ifname", "warning"), "no interface is called ib (ifname); there are eth0, lo")
    cluster["hosts"][1]["ifname"] = "=eth0"
    checks.place.cluster = checks.place.write("cluster.yaml", cluster)
    checks.assert_good()


@full
def test_hosts_that_are_not_neighbours_ping_each_other(checks, bed):
    bed.up(4)
    checks.place.cluster = checks.place.write("cluster.yaml", ascend(bed, hosts=4))
    job = {"ranks": 8}
    checks.assert_good(**job)
    fake(bed, "h1", no_ping="29.3.0.2")
    checks.assert_found(
        found("ping", host="h1"), "NPU 0 gets no answer from 29.3.0.2 on host h3: 0 of 3", **job
    )
    fake(bed, "h1", no_ping="29.3.3.2")
    checks.assert_good(**job)
    done = checks.place.launcher("check", "-c", checks.place.cluster, "--deep", "--json")
    (silent,) = json.loads(done.stdout)["findings"]
    assert (silent["host"], silent["rule"]) == ("h1", "ping") and "NPU 3" in silent["words"]


@full
def test_pings_for_which_there_is_no_time(checks, bed):
    bed.up(4)
    checks.place.cluster = checks.place.write("cluster.yaml", ascend(bed, hosts=4))
    fake(bed, "h2", slow_ping="30")
    slow = found("hccn_tool", "warning") | found("ping", "warning")
    checks.assert_found(slow, "hccn_tool said nothing", "2 of 8 pings were not tried", "--deep", ranks=8)
    no_faults(bed)
    checks.assert_good(ranks=8)


@full
def test_addresses_of_npus_of_the_sixth_version(checks, bed):
    cluster = ascend(bed)
    for number, host in enumerate(cluster["hosts"], 1):
        host["device_ips"] = {device: f"fd00:{number}::{device + 2}" for device in range(4)}
        lines = "".join(f"IPv6address_{device}={ip}\\n" for device, ip in host["device_ips"].items())
        bed.exec(host["name"], f"cp /etc/hccn.conf /tmp/hccn.conf; printf '{lines}' >/etc/hccn.conf")
    checks.place.cluster = checks.place.write("cluster.yaml", cluster)
    checks.assert_good()
    fake(bed, "h2", no_ping="fd00:1::3")
    checks.assert_found(found("ping"), "NPU 1 gets no answer from fd00:1::3 on host h1")
    for host in ("h1", "h2"):
        bed.exec(host, "cp /tmp/hccn.conf /etc/hccn.conf")


@full
def test_hccn_tool_that_answers_nothing(checks, bed):
    fake(bed, "h2", **{"fail.hccn_tool": "Command execute failed!"})
    checks.assert_found(
        found("hccn_tool", "warning"),
        "-i 0 -ip -g: Command execute failed!, and so for 11 questions more",
    )
    no_faults(bed)
    checks.assert_good()


@full
def test_tls_is_set_alike_by_the_script_of_fix(checks, bed):
    fake(bed, "h2", **{"tls.0": "1"})
    done = checks.run("--fix")
    assert done.returncode == ExitCode.CHECK_FAILED
    assert "as_root /usr/local/Ascend/driver/tools/hccn_tool -i 0 -tls -s enable 0\n" in done.stdout


@full
def test_an_npu_that_npu_smi_does_not_show(checks, bed):
    with checks.stand_in(
        "h2", "ls", 'case "$*" in /dev) /bin/ls /dev | grep -v davinci1 ;; *) exec /bin/ls "$@" ;; esac'
    ):
        checks.assert_found(found("health", "warning"), "npu-smi shows no NPU 1, only 0, 2, 3 and 4 more")
    checks.assert_good()


def test_a_device_node_that_is_not_there(checks, bed):
    node = "mknod -m 660 /dev/davinci1 c 1 3 && chgrp 1000 /dev/davinci1"
    with checks.doing("h2", "rm /dev/davinci1", node):
        found_there = {each["rule"] for each in checks.findings() if each["host"] == "h2"}
        assert {"driver", "health", "hccn_tool"} <= found_there
    checks.assert_good()


@full
def test_a_device_node_that_ranks_may_not_open(checks, bed):
    checks.place.cluster = checks.place.write("cluster.yaml", ascend(bed, ssh=bed.ssh_facts("trainer")))
    with checks.doing("h2", "chgrp 1001 /dev/davinci1", "chgrp 1000 /dev/davinci1"):
        checks.assert_found(
            found("device nodes"), "/dev/davinci1 is for group 1001 (mode 660)", "device_gid: 1001"
        )
    checks.assert_good()


def test_hccn_conf_that_is_not_there(checks):
    with checks.doing("h2", "mv /etc/hccn.conf /etc/hccn.old", "mv /etc/hccn.old /etc/hccn.conf"):
        said = checks.findings()
        assert [each["words"] for each in said if each["rule"] == "hccn.conf"] == [
            "/etc/hccn.conf, which is mounted into every container, is not there"
        ]
    checks.assert_good()


@full
def test_hccn_conf_without_an_address(checks, bed):
    fake(bed, "h2", **{"ip.1": "29.2.1.2"})
    with checks.doing(
        "h2", "cp /etc/hccn.conf /tmp/conf; sed -i /address_1/d /etc/hccn.conf", "cp /tmp/conf /etc/hccn.conf"
    ):
        checks.assert_found(found("hccn.conf", "warning"), "/etc/hccn.conf has no address_N for NPU 1")
    checks.assert_good()


@full
def test_a_driver_of_another_version(checks):
    info = "/usr/local/Ascend/driver/version.info"
    with checks.doing("h2", f"cp {info} /tmp/info; echo Version=23.0.3 >{info}", f"cp /tmp/info {info}"):
        checks.assert_found(found("driver version", "warning"), "is 23.0.3, but 24.1.rc2 on h1")
    checks.assert_good()


@full
def test_a_part_of_the_driver_that_is_not_there(checks):
    with checks.doing(
        "h2", "mv /usr/local/dcmi /usr/local/dcmi.old", "mv /usr/local/dcmi.old /usr/local/dcmi"
    ):
        checks.assert_found(found("driver"), "/usr/local/dcmi is not there")
    checks.assert_good()


# ---- who uses a device


@full
@pytest.mark.parametrize("given", ["--device /dev/davinci1", "--privileged"])
def test_a_container_that_has_a_device(checks, bed, given):
    bed.exec("h2", f"docker run -d --init --name stranger {given} {SMALL} sleep 600")
    checks.assert_found(
        found("containers"), "/dev/davinci1 is in use by container stranger", "docker stop stranger"
    )
    bed.exec("h2", "docker rm -f stranger")
    checks.assert_good()


def test_a_process_that_has_a_device_open(checks):
    with checks.program("h2", "sleep 600 3</dev/davinci1") as pid:
        checks.assert_found(
            found("processes"), f"/dev/davinci1 is opened by process {pid} (sleep)", f"kill {pid}"
        )
    checks.assert_good()


@full
def test_a_device_that_another_run_holds_is_said_once_and_by_run_in_its_lock_phase(checks, place, bed):
    run = place.detached(place.job("exec sleep 600", name="first", ranks=8))
    place.until_running(run, ranks=8)
    held = checks.findings()
    assert {each["rule"] for each in held} == {"devices"} and {each["host"] for each in held} == {"h1", "h2"}
    done = place.run(place.job("true", ranks=8))
    assert done.returncode == ExitCode.DEVICES_HELD and f"held by run {run}" in done.stderr
    assert place.launcher("cancel", run).returncode == ExitCode.OK
    checks.assert_good()


# ---- ports


@full
def test_ports_of_hccl(checks):
    job = {"launch": "dynamic"}
    ports = "/proc/sys/net/ipv4/ip_local_reserved_ports"
    listen = "python3 -c 'import socket, time; s = socket.create_server((\"\", 60003)); time.sleep(600)'"
    reserve = {
        host: checks.doing(host, f"echo 60000-60031 >{ports}", f"echo >{ports}") for host in ("h1", "h2")
    }
    both = found("reserved ports", "warning") | found("reserved ports", "warning", "h1")
    checks.assert_found(both, "60000-60031", "sysctl -w net.ipv4.ip_local_reserved_ports=60000-60031", **job)
    with reserve["h1"], reserve["h2"]:
        checks.assert_good(**job)
        with checks.program("h2", listen) as pid:
            checks.bed.exec("h2", "sleep 1")
            checks.assert_found(found("HCCL ports"), "port 60003", f"process {pid} (python3", **job)
            checks.assert_good()  # with a rank table HCCL does not listen there
        checks.assert_good(**job)


# ---- Docker


@full
def test_a_rootless_docker_of_another_version(checks, bed):
    checks.put("h2", "/opt/fake/docker.py", FAKE_DOCKER.read_text("utf-8"))
    settings = json.dumps(
        {"arch": "amd64", "images": {SMALL: "amd64"}, "security": ["name=rootless"], "version": "20.10.7"}
    )
    checks.put("h2", "/opt/fake/settings.json", settings)
    bed.exec("h2", "mkdir -p /opt/fake/containers")
    answer = 'FAKE_DOCKER=/opt/fake exec python3 -S /opt/fake/docker.py "$@"'
    with checks.stand_in("h2", "docker", answer):
        other = found("engine", "warning") | found("image")  # the stand-in's image has no layers
        both = found("rootless") | other
        checks.assert_found(both, "containers get no NPU from it", "Docker is 20.10.7, but")
        checks.place.use()
        both = found("rootless", "warning") | other
        checks.assert_found(both, "its network is not the host's", ranks=2, launch="none")
    checks.assert_good(ranks=2, launch="none")


@full
def test_the_ascend_docker_runtime(checks, bed):
    checks.place.cluster = checks.place.write("cluster.yaml", ascend(bed, driver={"docker_runtime": True}))
    lacking = found("runtime") | found("runtime", host="h1")
    checks.assert_found(lacking, "Docker has no runtime ascend", "driver.docker_runtime")
