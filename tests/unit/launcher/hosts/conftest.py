"""A user's home with keys and known hosts of its own, and SSH servers that this user may enter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.hosts import Endpoint, connection
from launcher.hosts.ssh import SshHost
from tests.ssh_server import SshServer, write_key


class Home:
    """The files in ~/.ssh, and hosts as this user reaches them."""

    def __init__(self, path: Path) -> None:
        self.ssh = path / ".ssh"
        self.ssh.mkdir()
        self.key = write_key(path / "key")
        self.known_hosts = self.ssh / "known_hosts"
        self.known_hosts.touch()
        self._hosts: list[SshHost] = []

    def trust(self, *servers: SshServer) -> None:
        """Know the host keys of these servers only."""
        self.known_hosts.write_text("".join(server.known_hosts_line() for server in servers))

    def config(self, text: str) -> None:
        """Write ~/.ssh/config."""
        (self.ssh / "config").write_text(text)

    def host(self, server: SshServer | None = None, **settings: Any) -> SshHost:
        """A host; settings replace those that lead to the server."""
        given = {"label": "far", "address": "127.0.0.1", "user": "ann", "key": str(self.key)}
        port = {"port": server.port} if server else {}
        self._hosts.append(SshHost(Endpoint(**{**given, **port, **settings})))
        return self._hosts[-1]

    def close(self) -> None:
        """End all connections, before their servers end."""
        for host in self._hosts:
            host.close()
        for gateway in connection._gateways.values():
            gateway.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    connection._ssh_config.cache_clear()
    monkeypatch.setattr(connection, "_gateways", {})
    made = Home(tmp_path)
    yield made
    made.close()
    connection._ssh_config.cache_clear()


@pytest.fixture
def server(home: Home) -> Iterator[SshServer]:
    """A server whose host key is known."""
    with SshServer(home.key) as server:
        home.trust(server)
        yield server
        home.close()


@pytest.fixture
def host(home: Home, server: SshServer) -> SshHost:
    """That server as a host."""
    return home.host(server)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits for what must come; a test that waits in vain hangs and says where."""

    def wait(condition: Callable[[], object]) -> None:
        while not condition():
            time.sleep(0.005)

    return wait
