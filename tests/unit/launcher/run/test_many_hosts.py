"""More hosts than are in flight at once."""

from __future__ import annotations

from pathlib import Path

from tests.bench.simulated import Well, cluster_of
from tests.place import Place
from tests.ssh_server import SshServers, write_key

HOSTS = 66


def test_a_run_over_more_hosts_than_are_in_flight_ends_well(tmp_path: Path) -> None:
    key, known_hosts, well = write_key(tmp_path / "key"), tmp_path / "known_hosts", Well()
    with SshServers(HOSTS, key, well) as servers:
        known_hosts.write_text(servers.known_hosts())
        place = Place(tmp_path, cluster_of([server.port for server in servers], key, known_hosts))
        well.over.set()
        done = place.run(place.job("true", ranks=HOSTS))
        assert done.returncode == 0, done.stderr
    result = place.result(place.only_run())
    assert result["collected"]
    assert {member["exit_code"] for member in result["attempts"][0]["members"]} == {0}
    assert len(result["attempts"][0]["members"]) == HOSTS
    assert [server.connections for server in servers[1:]] == [1] * (HOSTS - 1)
