"""`init` and `discover` against hosts with fake NPUs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launcher.errors import ExitCode
from launcher.spec.load import load_cluster
from tests.cluster.bed import fake

COMMENTED = """\
# The lab, second floor.
schema: 1
name: lab
device:   ascend910b      # bought in 2024
ssh: {{user: root, key: {key}, known_hosts: {known_hosts}}}

hosts:
  # rack A
  - address: h1           # the old one
    name:    h1
  - {{address: h2}}         # in flow
"""


class Files:
    """Cluster files of a place, and what the commands do with them."""

    def __init__(self, place) -> None:
        self.place = place
        self.file = place.path / "lab.yaml"

    def init(self, *words: str):
        ssh = ["--key", self.place.bed.key, "--known-hosts", self.place.bed.known_hosts]
        return self.place.launcher("init", *words, "-c", self.file, *map(str, ssh))

    def discover(self, *words: str):
        return self.place.launcher("discover", "-c", self.file, *words)

    def write(self, text: str) -> None:
        bed = self.place.bed
        shown = text.format(key=bed.key, known_hosts=bed.known_hosts)
        for name, address in bed.addresses.items():
            shown = shown.replace(f"address: {name}", f"address: {address}")
        self.file.write_text(shown, "utf-8")

    @property
    def data(self) -> dict:
        return yaml.safe_load(self.file.read_text("utf-8"))


@pytest.fixture
def files(place) -> Files:
    return Files(place)


def targets(bed) -> list[str]:
    return [f"root@{address}" for address in list(bed.addresses.values())[:2]]


def test_two_hosts_with_npus_from_nothing_to_a_plan(files, bed, place):
    done = files.init(*targets(bed))
    assert done.returncode == ExitCode.OK, done.stderr
    cluster = load_cluster(files.file, environ={})
    addresses = list(bed.addresses.values())[:2]
    assert (cluster.device.value, cluster.runtime.value, cluster.devices) == (
        "ascend910b",
        "docker",
        tuple(range(8)),
    )
    for number, host in enumerate(cluster.hosts, 1):
        assert host.host_ip == addresses[number - 1] and host.ifname == "eth0" and host.device_gid == 1000
        assert host.device_ips == {device: f"29.{number}.{device}.2" for device in range(8)}
    job = place.job("true", ranks=16, launch="rank_table")
    planned = place.launcher("plan", job, "-c", files.file, "--json")
    assert planned.returncode == ExitCode.OK, planned.stderr
    checked = place.launcher("check", "-c", files.file)
    assert checked.returncode == ExitCode.OK, checked.stdout
    again = files.discover()
    assert again.returncode == ExitCode.OK and "no changes" in again.stderr
    refused = files.init(*targets(bed))
    assert refused.returncode == ExitCode.USAGE and "is there already" in refused.stderr


def test_hosts_without_npus_make_a_cpu_cluster(files, bed, place):
    bed.exec("h1", "rm /dev/davinci[0-9]*")
    bed.exec("h2", "rm /dev/davinci[0-9]*")
    done = files.init(*(f"{target}:22" for target in targets(bed)), "--name", "cpus")
    assert done.returncode == ExitCode.OK, done.stderr
    assert {key: files.data[key] for key in ("name", "device", "runtime", "devices")} == {
        "name": "cpus",
        "device": "cpu",
        "runtime": "docker",
        "devices": "0-7",
    }
    assert place.launcher("check", "-c", files.file).returncode == ExitCode.OK


def test_comments_and_formatting_stay(files, bed):
    files.write(COMMENTED)
    before = files.file.read_text("utf-8").splitlines()
    shown = files.discover()
    assert shown.returncode == ExitCode.USAGE and "--yes writes it" in shown.stderr
    assert files.file.read_text("utf-8").splitlines() == before
    done = files.discover("--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    after = files.file.read_text("utf-8").splitlines()
    assert [line for line in before[:-1] if line not in after] == []
    assert after[-1].startswith("  - {address: ") and after[-1].endswith("         # in flow")
    cluster = load_cluster(files.file, environ={})
    assert [host.device_ips[7] for host in cluster.hosts] == ["29.1.7.2", "29.2.7.2"]
    assert "-  - {address: " in done.stdout and "+    host_ip: " in done.stdout


def test_sparse_ids_and_a_device_that_is_missing(files, bed):
    bed.exec("h2", "rm /dev/davinci2 /dev/davinci5")
    files.write(COMMENTED.replace("    name:    h1", "    name:    h1\n    devices: 4-7"))
    assert files.discover("-y").returncode == ExitCode.OK
    cluster = load_cluster(files.file, environ={})
    assert [cluster.devices_of(host) for host in cluster.hosts] == [(4, 5, 6, 7), (0, 1, 3, 4, 6, 7)]
    assert set(cluster.hosts[0].device_ips) == {4, 5, 6, 7}
    bed.exec("h1", "rm /dev/davinci6")
    done = files.discover()
    assert "devices is 4-7, the host has 4-5,7" in done.stdout
    assert "device_ips of NPU 6 is 29.1.6.2, the host has no such device" in done.stdout
    assert "-      6: 29.1.6.2\n" in done.stdout


def test_what_people_wrote_is_marked_and_never_replaced_silently(files, bed):
    files.write(COMMENTED.replace("    name:    h1", "    name:    h1\n    device_gid: 7  # by hand"))
    done = files.discover()
    assert f"! {files.file}:11:17: host h1: device_gid is 7, the host has 1000" in done.stdout
    assert {"-    device_gid: 7  # by hand", "+    device_gid: 1000  # by hand"} <= set(
        done.stdout.splitlines()
    )
    assert "device_gid: 7  # by hand" in files.file.read_text("utf-8")


def test_a_host_that_is_down_is_named_and_the_others_get_their_part(files, bed):
    bed.kill("h2")
    files.write(COMMENTED)
    done = files.discover("--yes")
    assert done.returncode == ExitCode.CHECK_FAILED
    assert f"error: host {bed.addresses['h2']}: " in done.stderr
    hosts = files.data["hosts"]
    assert hosts[0]["device_ips"][3] == "29.1.3.2" and set(hosts[1]) == {"address"}


def test_hccn_conf_is_taken_where_the_tool_fails(files, bed):
    fake(bed, "h1", **{"fail.hccn_tool": "Command execute failed!", "ip.1": "1.2.3.4"})
    fake(bed, "h2", **{"ip.1": "192.0.2.1"})
    files.write(COMMENTED)
    done = files.discover("--yes")
    assert done.returncode == ExitCode.OK
    ips = [host.device_ips for host in load_cluster(files.file, environ={}).hosts]
    assert ips[0][1] == "29.1.1.2" and ips[1][1] == "192.0.2.1"
    assert (
        "hccn_tool: Command execute failed! (NPU 0, 1, 2, 3, 4, 5, 6, 7): hccn.conf is taken" in done.stderr
    )
    assert "NPU 1 has the address 192.0.2.1, hccn.conf says 29.2.1.2: the former is taken" in done.stderr


@pytest.mark.full
@pytest.mark.parametrize("form", ["a3", "a3-26"])
def test_a3_has_two_dies_an_npu(files, bed, place, form):
    for number, host in enumerate(("h1", "h2"), 1):
        more = {f"ip.{device}": f"29.{number}.{device}.2" for device in range(8, 16)}
        fake(bed, host, form=form, super_pod="3", **more)
        bed.exec(
            host,
            "for n in $(seq 8 15); do mknod -m 660 /dev/davinci$n c 1 3; chgrp 1000 /dev/davinci$n; done",
        )
    done = files.init(*targets(bed))
    assert done.returncode == ExitCode.OK, done.stderr
    cluster = load_cluster(files.file, environ={})
    assert cluster.device.value == "ascend910_93" and cluster.devices == tuple(range(16))
    host = cluster.hosts[1]
    assert host.super_pod == "3" and host.super_device_ids[15] == str((2 << 22) + (7 << 18) + (1 << 16) + 15)
    planned = place.launcher("plan", place.job("true", ranks=32, launch="rank_table"), "-c", files.file)
    assert planned.returncode == ExitCode.OK, planned.stderr


@pytest.mark.full
def test_the_kind_in_the_file_is_not_that_of_the_chips(files, bed):
    files.write(COMMENTED.replace("ascend910b  ", "ascend910_93"))
    done = files.discover()
    assert "device is ascend910_93, the host has ascend910b" in done.stdout
    assert "-device:   ascend910_93    # bought in 2024\n" in done.stdout


def test_several_networks_are_asked_about_and_not_guessed(files, bed):
    for number, host in enumerate(("h1", "h2"), 1):
        bed.exec(host, f"ip addr add 192.0.2.{number}/24 dev eth0")
    try:
        files.write(COMMENTED)
        done = files.discover("--json")
        assert done.returncode == ExitCode.CHECK_FAILED
        found = json.loads(done.stdout)
        assert any("192.0.2.1 (eth0)" in problem and "--network" in problem for problem in found["problems"])
        assert not any(change["key"] == "host_ip" for change in found["changes"])
        assert files.discover("--yes", "--network", "192.0.2.0/24").returncode == ExitCode.OK
        assert [host["host_ip"] for host in files.data["hosts"]] == ["192.0.2.1", "192.0.2.2"]
    finally:
        for number, host in enumerate(("h1", "h2"), 1):
            bed.exec(host, f"ip addr del 192.0.2.{number}/24 dev eth0")


@pytest.mark.full
def test_a_pattern_is_written_out(files, bed):
    prefix = bed.addresses["h1"].rpartition(".")[0]
    head, _, _ = COMMENTED.partition("\nhosts:")
    files.write(f"{head}\nhosts:\n  # both racks\n  - address: {prefix}.[11-12]  # twins\n    name: h[1-2]\n")
    assert files.discover("-y").returncode == ExitCode.OK
    hosts = load_cluster(files.file, environ={}).hosts
    assert [(host.label, host.host_ip) for host in hosts] == list(bed.addresses.items())[:2]
    text = files.file.read_text("utf-8")
    assert text.count("# both racks") == 1 and text.count("# twins") == 2


def test_a_person_at_a_terminal_is_asked(files, bed, place):
    files.write(COMMENTED)
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "launcher", "discover", "-c", str(files.file)]
    with subprocess.Popen(
        words, stdin=slave, stdout=subprocess.DEVNULL, stderr=slave, cwd=place.path
    ) as asking:
        os.close(slave)
        said = b""
        while b"write this into" not in said:
            said += os.read(master, 1000)
        assert "host_ip" not in files.file.read_text("utf-8")
        os.write(master, b"y\n")
        assert asking.wait(60) == ExitCode.OK
    os.close(master)
    assert load_cluster(files.file, environ={}).hosts[0].host_ip == bed.addresses["h1"]


@pytest.mark.full
def test_npu_smi_at_its_other_place(files, bed):
    for host in ("h1", "h2"):
        bed.exec(host, "mv /usr/local/bin/npu-smi /usr/local/sbin/")
    try:
        files.write(COMMENTED)
        assert files.discover("-y").returncode == ExitCode.OK
        assert load_cluster(files.file, environ={}).driver.npu_smi == "/usr/local/sbin/npu-smi"
    finally:
        for host in ("h1", "h2"):
            bed.exec(host, "mv /usr/local/sbin/npu-smi /usr/local/bin/")


@pytest.mark.full
def test_what_only_some_drivers_have_reaches_the_ranks(files, bed, place):
    make = "mknod -m 660 /dev/dvpp_cmdlist c 1 3; chgrp 1000 /dev/dvpp_cmdlist; mkdir /var/queue_schedule"
    for host in ("h1", "h2"):
        bed.exec(host, make)
    try:
        files.write(COMMENTED)
        assert files.discover("-y").returncode == ExitCode.OK
        assert files.data["driver"] == {
            "dvpp_cmdlist": "/dev/dvpp_cmdlist",
            "queue_schedule": "/var/queue_schedule",
        }
        place.cluster = files.file
        done = place.run(place.job("test -c /dev/dvpp_cmdlist && test -d /var/queue_schedule", ranks=2))
        assert done.returncode == ExitCode.OK, done.stderr
        bed.exec("h1", "rm /dev/dvpp_cmdlist")
        done = place.launcher("check", "-c", files.file)
        assert "/dev/dvpp_cmdlist is not there" in done.stdout
    finally:
        for host in ("h1", "h2"):
            bed.exec(host, "rm -rf /dev/dvpp_cmdlist /var/queue_schedule")


@pytest.mark.full
def test_a_user_without_rights_is_told_what_docker_says(files, bed):
    bed.stop_docker("h1")
    files.write(COMMENTED.replace("user: root", "user: trainer"))
    done = files.discover("--yes")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "Docker: " in done.stderr and Path(files.file).exists()
