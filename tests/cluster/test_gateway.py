"""Hosts that are reached only through another one: one connection to it carries all, and may be lost."""

from __future__ import annotations

import json
import time

import pytest

from launcher.errors import ExitCode

BEHIND = ("h2", "h3")
GATEWAYS = ("cluster file", "ProxyJump")
COUNT = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.1; done"
NUMBERS = [str(number) for number in range(1, 201)]


@pytest.fixture(params=GATEWAYS)
def behind(request, place, bed):
    """A place whose cluster has h2 and h3, whose sshd takes connections of h1 alone."""
    bed.up(3)
    for host in BEHIND:
        rule = f"-i eth0 -p tcp --dport {bed.port} ! -s {bed.addresses['h1']}"
        bed.exec(host, f"iptables -w -A INPUT {rule} -j DROP")
    if request.param == "cluster file":
        place.use(*BEHIND, ssh={**bed.ssh_facts(), "gateway": f"root@{bed.addresses['h1']}"})
    else:
        jump(place, bed)
    return place


def jump(place, bed) -> None:
    """All that is known of the hosts, and the way to them, stands in the user's ssh_config."""
    (place.path / ".ssh").mkdir()
    through = f"Host {' '.join(BEHIND)}\n ProxyJump h1\n"
    (place.path / ".ssh" / "config").write_text(through + bed.ssh_config.read_text())
    place.environ["HOME"] = str(place.path)
    hosts = [{"address": host, "host_ip": bed.addresses[host]} for host in BEHIND]
    place.use(ssh={}, hosts=hosts)


def peers(bed, host: str) -> list[str]:
    """From where the connections come that sshd of a host holds."""
    shown = bed.exec(host, f"ss -Htn state established '( sport = :{bed.port} )'")
    return [line.split()[3].rsplit(":", 1)[0] for line in shown.splitlines()]


def log(place, run: str, rank: int) -> list[str]:
    return (place.directory(run) / f"LOG{rank}" / "log.txt").read_text().split()


def test_hosts_behind_a_gateway_share_one_connection_to_it(behind, bed):
    run = behind.detached(behind.job("echo $RANK_ID; exec sleep 600", ranks=8))
    behind.until_running(run, 8)
    assert len(peers(bed, "h1")) == 1
    assert peers(bed, "h2") == peers(bed, "h3") == [bed.addresses["h1"]]
    assert json.loads(behind.launcher("status", run, "--json").stdout)
    assert behind.launcher("cancel", run).returncode == ExitCode.OK
    assert [log(behind, run, rank)[0] for rank in (0, 7)] == ["0", "7"]
    behind.assert_nothing_left()


@pytest.mark.full
@pytest.mark.parametrize("behind", GATEWAYS[:1], indirect=True)
@pytest.mark.parametrize("unplugged", ["h1", "h2"])
def test_a_gateway_or_a_host_behind_it_that_is_unplugged_for_ten_seconds_loses_nothing(
    behind, bed, unplugged
):
    run = behind.detached(behind.job(COUNT, ranks=8))
    behind.until_running(run, 8)
    bed.cut(unplugged)
    time.sleep(10)
    bed.heal(unplugged)
    assert behind.launcher("wait", run).returncode == ExitCode.OK
    assert [log(behind, run, rank) for rank in range(8)] == [NUMBERS] * 8
    behind.assert_nothing_left()


@pytest.mark.full
def test_a_gateway_that_ends_all_its_connections_is_connected_anew_once(behind, bed):
    run = behind.detached(behind.job(COUNT, ranks=8))
    behind.until_running(run, 8)
    bed.exec("h1", "pkill -f '^sshd: root'")
    behind.wait_for(lambda: len(peers(bed, "h3")) == 1 and len(peers(bed, "h2")) == 1)
    assert len(peers(bed, "h1")) == 1
    assert behind.launcher("wait", run).returncode == ExitCode.OK
    assert [log(behind, run, rank) for rank in range(8)] == [NUMBERS] * 8
    behind.assert_nothing_left()


@pytest.mark.full
@pytest.mark.parametrize("behind", GATEWAYS[:1], indirect=True)
def test_processes_behind_a_gateway(behind, bed):
    behind.use(*BEHIND, runtime="process", ssh={**bed.ssh_facts(), "gateway": f"root@{bed.addresses['h1']}"})
    done = behind.run(behind.job("echo $RANK_ID; sleep 1", ranks=8, image=None))
    assert done.returncode == ExitCode.OK, done.stderr
    assert log(behind, behind.only_run(), 7) == ["7"]
    behind.assert_nothing_left()


@pytest.mark.full
@pytest.mark.parametrize("behind", GATEWAYS[:1], indirect=True)
def test_a_gateway_that_is_off_is_named(behind, bed):
    bed.kill("h1")
    done = behind.run(behind.job("true", ranks=8))
    assert done.returncode == ExitCode.CHECK_FAILED
    for host in BEHIND:
        assert f"host {host}: " in done.stderr and f"by gateway root@{bed.addresses['h1']}:22" in done.stderr
