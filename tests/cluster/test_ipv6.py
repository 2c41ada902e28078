"""Hosts that are known by IPv6 alone, for SSH and as each other's neighbours."""

from __future__ import annotations

import json

from launcher.errors import ExitCode

MEET = """
[ "$MS_ROLE" = MS_WORKER ] || exit 0
echo "$RANK_ID $MS_SCHED_HOST $MS_WORKER_IP"
exec python3 -c '
import os, socket, time
ranks, rank = int(os.environ["RANK_SIZE"]), int(os.environ["RANK_ID"])
address = os.environ["MS_SCHED_HOST"], 29999
if rank == 0:
    with socket.create_server(address, family=socket.AF_INET6) as listener:
        for _ in range(ranks - 1):
            print("met", listener.accept()[1][0])
for _ in range(600 if rank else 0):
    try:
        socket.create_connection(address).close()
        break
    except OSError:
        time.sleep(0.1)
'
"""


def hosts_of(bed, **more) -> list[dict]:
    """h1 and h2 by their IPv6 addresses, for SSH and for training."""
    addresses = {host: bed.address6(host) for host in ("h1", "h2")}
    return [{"name": host, "address": at, "host_ip": at, **more} for host, at in addresses.items()]


def test_ranks_of_hosts_with_ipv6_addresses_meet(place, bed):
    place.use(hosts=hosts_of(bed))
    done = place.run(place.job(MEET, ranks=8, launch="dynamic"))
    assert done.returncode == ExitCode.OK, done.stderr
    one, two = (bed.address6(host) for host in ("h1", "h2"))
    logs = [(place.directory(place.only_run()) / f"LOG{rank}" / "log.txt").read_text() for rank in range(8)]
    assert logs[7] == f"7 {one} {two}\n"
    assert sorted(logs[0].splitlines()[1:]) == sorted([f"met {one}"] * 3 + [f"met {two}"] * 4)
    place.assert_nothing_left()


def test_a_rank_table_of_ipv6(place, bed):
    hosts = hosts_of(bed, device_gid=1000, ifname="eth0")
    for number, host in enumerate(hosts, 1):
        host["device_ips"] = {device: f"fd01::{number}:{device}" for device in range(4)}
        for device, address in host["device_ips"].items():
            bed.exec(host["name"], f"mkdir -p /etc/fake-npu && echo {address} >/etc/fake-npu/ip.{device}")
    place.use(hosts=hosts, device="ascend910b")
    show = 'echo "$HCCL_SOCKET_FAMILY"; cp "$RANK_TABLE_FILE" "$LAUNCHER_LOG_DIR/table"'
    done = place.run(place.job(show, ranks=8, launch="rank_table"))
    assert done.returncode == ExitCode.OK, done.stderr
    log = place.directory(place.only_run()) / "LOG7"
    assert (log / "log.txt").read_text() == "AF_INET6\n"
    servers = json.loads((log / "table").read_text())["server_list"]
    assert [server["server_id"] for server in servers] == [bed.address6(host) for host in ("h1", "h2")]
    assert servers[1]["device"][3]["device_ip"] == "fd01::2:3"
    place.assert_nothing_left()
