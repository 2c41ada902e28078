"""What a cluster file says of the way to each host."""

from __future__ import annotations

from launcher.hosts import Endpoint, LocalHost, connect, endpoints_of
from launcher.hosts.ssh import SshHost
from launcher.spec.cluster import Cluster


def endpoints(*hosts: dict, **ssh: object) -> dict[str, Endpoint]:
    base = {"schema": 1, "name": "c", "device": "cpu", "devices": "0", "hosts": list(hosts), "ssh": ssh}
    return endpoints_of(Cluster.model_validate(base))


def test_what_is_not_said_is_left_to_ssh_config() -> None:
    assert endpoints({"address": "node1"}) == {"node1": Endpoint(label="node1", address="node1")}


def test_settings_of_the_cluster_hold_for_all_its_hosts() -> None:
    settings = {"user": "ann", "port": 2222, "key": "/k", "known_hosts": "/kh", "gateway": "gate"}
    found = endpoints({"address": "a"}, {"address": "b"}, **settings)
    assert found["b"] == Endpoint(label="b", address="b", **settings)


def test_a_host_replaces_single_settings() -> None:
    found = endpoints({"address": "a", "ssh": {"port": 22, "gateway": None}}, user="ann", gateway="gate")
    assert found["a"] == Endpoint(label="a", address="a", user="ann", port=22)


def test_sudo_is_no_part_of_the_way() -> None:
    assert (
        endpoints({"address": "a", "ssh": {"sudo": True}}, sudo=True)["a"] == endpoints({"address": "a"})["a"]
    )


def test_this_machine_needs_no_way() -> None:
    here, there = endpoints({"address": "localhost"}, {"address": "127.0.0.1"}).values()
    assert isinstance(connect(here), LocalHost)
    assert isinstance(connect(there), SshHost)
    assert (connect(here).label, connect(there).label) == ("localhost", "127.0.0.1")
