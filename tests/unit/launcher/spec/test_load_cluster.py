from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.load import load_cluster


def test_the_cluster_alone(files) -> None:
    Path("c.yaml").write_text(files.ascend)
    cluster = load_cluster("c.yaml", overrides=["cluster.devices=0-3"], environ={})
    assert [cluster.devices_of(host) for host in cluster.hosts] == [(0, 1, 2, 3)] * 2


def test_addresses_are_written_one_way(files) -> None:
    """That of hccn_tool, with which they are compared."""
    host = "- {address: n, host_ip: '2001:DB8:0::1', device_ips: {0: '2001:DB8:0::10'}}\n"
    head = files.ascend.partition("hosts:\n")[0]
    Path("c.yaml").write_text(f"{head}hosts:\n{host}")
    (host,) = load_cluster("c.yaml", environ={}).hosts
    assert (host.host_ip, host.device_ips) == ("2001:db8::1", {0: "2001:db8::10"})


def test_a_setting_of_a_job_has_no_place_here(files) -> None:
    Path("c.yaml").write_text(files.ascend.replace("devices: 0-7\n", ""))
    with pytest.raises(SpecError) as caught:
        load_cluster("c.yaml", overrides=["ranks=3"], environ={})
    assert str(caught.value) == (
        "c.yaml:5:5: no `devices` for node01, node02, and none for the whole cluster\n"
        "--set 'ranks=3': no job here: a setting of the cluster begins with cluster."
    )
