"""Whose key is trusted, what ssh_config decides, and ways over gateways."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import paramiko
import pytest
from paramiko.hostkeys import HostKeys

from launcher.hosts import HostError, connection
from tests.ssh_server import SshServer, SshServers, write_key


def key_of(server: SshServer) -> str:
    return f"{server.host_key.get_name()} {server.host_key.get_base64()}"


def place_of(server: SshServer) -> str:
    return f"[{server.address}]:{server.port}"


def works(host) -> bool:
    return host.run("echo well").out == "well\n"


# ---- host keys


def test_a_host_key_that_nobody_knows_is_refused(host, home, server, until) -> None:
    home.known_hosts.write_text("")
    with pytest.raises(HostError, match=r"its host key ecdsa\S+ SHA256:\S+ is not known") as raised:
        host.run(":")
    assert server.host_key.fingerprint in str(raised.value)
    assert "ssh-keyscan" in raised.value.hint
    assert (server.connections, server.users) == (1, [])
    until(lambda: server.live == 0)


@pytest.mark.parametrize("kind", [paramiko.ECDSAKey, paramiko.RSAKey])
def test_another_host_key_than_the_known_one_is_refused(host, home, server, kind) -> None:
    other = kind.generate(2048) if kind is paramiko.RSAKey else kind.generate()
    home.known_hosts.write_text(f"{place_of(server)} {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(HostError, match=r"its host key is .* is known") as raised:
        host.run(":")
    assert server.host_key.fingerprint in str(raised.value) and other.fingerprint in str(raised.value)
    assert "ssh-keygen -R" in raised.value.hint
    assert (server.connections, server.users) == (1, [])


def test_a_host_key_that_is_revoked_is_refused(host, home, server) -> None:
    home.known_hosts.write_text(server.known_hosts_line() + f"@revoked {place_of(server)} {key_of(server)}\n")
    with pytest.raises(HostError):
        host.run(":")
    assert server.users == []


@pytest.mark.parametrize(
    "names",
    [
        lambda server: HostKeys.hash_host(place_of(server)),
        lambda server: "[127.0.0.?]:*",
        lambda server: f"node1,{place_of(server)}",
    ],
    ids=["hashed", "pattern", "list"],
)
def test_a_host_is_known_by_any_form_of_its_name(host, home, server, names) -> None:
    home.known_hosts.write_text(f"{names(server)} {key_of(server)}\n")
    assert works(host)


@pytest.mark.parametrize("names", ["127.0.0.1", "[127.0.0.1]:1"])
def test_the_key_of_another_port_is_not_the_hosts(host, home, server, names) -> None:
    home.known_hosts.write_text(f"{names} {key_of(server)}\n")
    with pytest.raises(HostError, match="is not known"):
        host.run(":")


def test_the_cluster_file_may_name_known_hosts(home, server, tmp_path) -> None:
    home.known_hosts.write_text("")
    (tmp_path / "known").write_text(server.known_hosts_line())
    assert works(home.host(server, known_hosts=str(tmp_path / "known")))


def test_known_hosts_of_the_cluster_file_stand_alone(home, server, tmp_path) -> None:
    (tmp_path / "known").write_text("")
    with pytest.raises(HostError, match="is not known"):
        home.host(server, known_hosts=str(tmp_path / "known")).run(":")


def test_a_key_that_comes_to_be_known_is_known(host, home, server) -> None:
    home.known_hosts.write_text("")
    with pytest.raises(HostError, match="is not known"):
        host.run(":")
    home.trust(server)
    assert works(host)


# ---- ssh_config


def test_what_the_cluster_file_leaves_out_ssh_config_says(home, server) -> None:
    home.config(
        "Host node1\n"
        f"    HostName 127.0.0.1\n    Port {server.port}\n    User bob\n    IdentityFile {home.key}\n"
    )
    assert works(home.host(address="node1", user=None, key=None))
    assert server.users == ["bob"]


def test_what_the_cluster_file_says_stands_above_ssh_config(home, server) -> None:
    home.config("Host node1\n    HostName 127.0.0.1\n    Port 1\n    User bob\n")
    assert works(home.host(server, address="node1"))
    assert server.users == ["ann"]


def test_keys_of_the_home_are_tried_without_any_setting(home, server) -> None:
    home.key.rename(home.ssh / "id_ed25519")
    assert works(home.host(server, key=None))


def test_a_host_key_is_known_under_its_alias(host, home, server) -> None:
    home.config("Host 127.0.0.1\n    HostKeyAlias node1\n")
    home.known_hosts.write_text(f"node1 {key_of(server)}\n")
    assert works(host)


def test_under_an_alias_only_the_alias_is_known(host, home) -> None:
    home.config("Host 127.0.0.1\n    HostKeyAlias node1\n")
    with pytest.raises(HostError, match="is not known"):
        host.run(":")


def test_ssh_config_may_name_files_of_known_hosts(host, home, server, tmp_path) -> None:
    home.config("Host *\n    UserKnownHostsFile ~/own ~/.ssh/known_hosts\n    GlobalKnownHostsFile ~/all\n")
    home.known_hosts.write_text("")
    (tmp_path / "all").write_text(server.known_hosts_line())
    assert works(host)


# ---- gateways


@pytest.fixture
def gate(home) -> Iterator[SshServer]:
    with SshServer(home.key) as gate:
        yield gate


@pytest.fixture
def hidden(home, gate) -> Iterator[SshServers]:
    """Three servers, which are reached over a gateway."""
    with SshServers(3, home.key) as servers:
        home.trust(gate, *servers)
        yield servers
        home.close()


def over(gate: SshServer, hidden: SshServers) -> tuple[int, int, int]:
    """Connections to the gateway, ways through it, and connections beyond."""
    return gate.connections, gate.forwards, sum(server.connections for server in hidden)


def test_hosts_behind_a_gateway_of_the_cluster_file_share_its_connection(home, gate, hidden) -> None:
    hosts = [home.host(server, gateway=f"gus@127.0.0.1:{gate.port}") for server in hidden]
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(works, hosts))
    assert over(gate, hidden) == (1, 3, 3)
    assert gate.users == ["gus"] and hidden[0].users == ["ann"]


def proxy_jump(home, gate: SshServer) -> str:
    """An ssh_config by which n1, n2 and n3 are behind a gateway."""
    way = f"    HostName 127.0.0.1\n    Port {gate.port}\n    User gus\n    IdentityFile {home.key}\n"
    return f"Host gate\n{way}Host n?\n    HostName 127.0.0.1\n    ProxyJump gate\n"


def test_a_gateway_of_proxy_jump_is_waited_for_as_long_as_any_host(home, gate, hidden) -> None:
    home.config(proxy_jump(home, gate))
    home.host(hidden[0], address="n1")._transport()
    (gateway,) = connection._gateways.values()
    assert gateway.connect_timeout == connection.CONNECT
    assert isinstance(gateway.transport, connection._Transport)


def test_hosts_behind_a_proxy_jump_share_its_connection(home, gate, hidden) -> None:
    home.config(proxy_jump(home, gate))
    names = ("n1", "n2", "n3")
    hosts = [home.host(server, address=name) for server, name in zip(hidden, names, strict=True)]
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(works, hosts))
    assert over(gate, hidden) == (1, 3, 3)
    assert gate.users == ["gus"]


def test_a_gateway_that_was_lost_is_connected_anew(home, gate, hidden, until) -> None:
    hosts = [home.host(server, gateway=f"127.0.0.1:{gate.port}") for server in hidden]
    assert all(map(works, hosts))
    gate.drop()
    until(lambda: not any(host._connection.is_connected for host in hosts))
    assert all(map(works, hosts))
    assert over(gate, hidden) == (2, 6, 6)


def test_a_gateway_whose_key_is_not_known_is_refused(home, gate, hidden) -> None:
    home.trust(*hidden)
    with pytest.raises(HostError, match=rf"by gateway \S+@127\.0\.0\.1:{gate.port}: its host key"):
        home.host(hidden[0], gateway=f"127.0.0.1:{gate.port}").run(":")
    assert gate.users == []


def test_a_host_behind_a_gateway_needs_a_known_key_too(home, gate, hidden) -> None:
    home.trust(gate)
    with pytest.raises(HostError, match="is not known") as raised:
        home.host(hidden[0], gateway=f"127.0.0.1:{gate.port}").run(":")
    assert "by gateway" not in str(raised.value)
    assert hidden[0].users == []


def test_a_gateway_that_leads_nowhere(home, gate, hidden, monkeypatch) -> None:
    monkeypatch.setattr(connection, "_TRIES", 2)
    gate.forwarding = False
    with pytest.raises(HostError, match=f"ann@127.0.0.1:{hidden[0].port}: .*rohibited"):
        home.host(hidden[0], gateway=f"127.0.0.1:{gate.port}").run(":")


# ---- addresses


class Door:
    """What listens on an address of its own and leads every connection to a server."""

    def __init__(self, listener: socket.socket, server: SshServer) -> None:
        self._listener, self._server = listener, server
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._listener.accept()
                inside = socket.create_connection((self._server.address, self._server.port))
                for way in ((outside, inside), (inside, outside)):
                    threading.Thread(target=_copy, args=way, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError), closing(target):
        while data := source.recv(65536):
            target.sendall(data)


@pytest.fixture
def door_of_ipv6(server) -> Iterator[int]:
    """The port on ::1 that leads to the server."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"no IPv6 on loopback: {error}")
    with closing(listener):
        Door(listener, server)
        yield listener.getsockname()[1]


def test_a_literal_address_of_ipv6(home, server, door_of_ipv6) -> None:
    home.known_hosts.write_text(f"[::1]:{door_of_ipv6} {key_of(server)}\n")
    host = home.host(address="::1", port=door_of_ipv6)
    assert works(host)
    host.close()


def test_what_a_key_is_for_is_only_its_host(home, server, tmp_path) -> None:
    with pytest.raises(HostError, match="does not let ann in"):
        home.host(server, key=str(write_key(tmp_path / "another"))).run(":")
