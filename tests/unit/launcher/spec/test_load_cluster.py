from pathlib import Path

import pytest

from launcher.errors import SpecError
from launcher.spec.load import load_cluster


def test_the_cluster_alone(files) -> None:
    Path("c.yaml").write_text(files.ascend)
    cluster = load_cluster("c.yaml", overrides=["cluster.devices=0-3"], environ={})
    assert [cluster.devices_of(host) for host in cluster.hosts] == [(0, 1, 2, 3)] * 2


def test_a_setting_of_a_job_has_no_place_here(files) -> None:
    Path("c.yaml").write_text(files.ascend.replace("devices: 0-7\n", ""))
    with pytest.raises(SpecError) as caught:
        load_cluster("c.yaml", overrides=["ranks=3"], environ={})
    assert str(caught.value) == (
        "c.yaml:5:5: no `devices` for node01, node02, and none for the whole cluster\n"
        "--set 'ranks=3': no job here: a setting of the cluster begins with cluster."
    )
