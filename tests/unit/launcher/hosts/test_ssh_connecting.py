"""Connecting to a host over SSH: who refuses, who is tried again, and what is said of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from launcher.hosts import HostError, connection, ssh
from tests.ssh_server import Policy

ECHO = 'printf "%s\\0" "$@"'


# ---- connecting


@pytest.fixture
def hasty(monkeypatch) -> None:
    """Two attempts, without patience."""
    monkeypatch.setattr(connection, "_TRIES", 2)
    monkeypatch.setattr(connection, "BANNER", 0.2)


def test_connections_that_are_refused_are_tried_again(host, server) -> None:
    server.refuse_next = 2
    assert host.run("echo well").out == "well\n"
    assert server.connections == 3


@pytest.mark.usefixtures("hasty")
def test_a_server_that_goes_on_refusing_is_told(host, server) -> None:
    server.refuse_next = 99
    with pytest.raises(HostError, match=rf"^host far: ann@127\.0\.0\.1:{server.port}: ") as raised:
        host.run(":")
    assert raised.value.hint.startswith("try by hand: ssh ")
    assert server.connections == 2


@pytest.mark.usefixtures("hasty")
def test_a_server_without_a_first_line_is_tried_again(host, server, until) -> None:
    server.no_banner = True
    with pytest.raises(HostError, match="banner"):
        host.run(":")
    assert server.connections == 2
    until(lambda: server.live == 0)


@pytest.mark.usefixtures("hasty")
def test_a_host_that_hangs_is_not_tried_for_long(host, server, monkeypatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.1)
    server.no_banner = True
    with pytest.raises(HostError, match="banner"):
        host.run(":")
    assert server.connections == 1


def test_who_waits_for_a_connection_that_fails_does_not_try_again(host, monkeypatch) -> None:
    waiting = threading.Barrier(3)

    class Gate:
        """A lock at which all meet before one goes through."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def __enter__(self) -> None:
            waiting.wait()
            self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.release()

    tried = []

    def fail(_: object) -> None:
        tried.append(1)
        raise HostError("host far: no answer", hint="try by hand")

    monkeypatch.setattr(ssh, "open_connection", fail)
    with monkeypatch.context() as meanwhile, ThreadPoolExecutor(3) as pool:
        meanwhile.setattr(host, "_connecting", Gate())
        errors = [each.exception() for each in [pool.submit(host._transport) for _ in range(3)]]
    assert [(type(error), str(error), error.hint) for error in errors] == [
        (HostError, "host far: no answer", "try by hand")
    ] * 3
    assert len(tried) == 1


def test_a_host_that_failed_is_tried_again_by_who_comes_later(host, server) -> None:
    server.refuse_auth = True
    with pytest.raises(HostError):
        host.run(":")
    server.refuse_auth = False
    assert host.run("echo well").out == "well\n"


def test_who_is_not_let_in_is_told_what_to_do(host, server, until) -> None:
    server.refuse_auth = True
    with pytest.raises(HostError, match="it does not let ann in") as raised:
        host.run(":")
    assert "ssh-copy-id" in raised.value.hint
    assert server.connections == 1
    until(lambda: server.live == 0)


def test_a_log_in_that_is_cut_off_is_tried_again(host, server, monkeypatch) -> None:
    judge, cut = Policy.check_auth_publickey, []

    def cut_first(policy: Policy, *who: object) -> int:
        if not cut:
            cut.append(who)
            policy._connection.transport.close()
        return judge(policy, *who)

    monkeypatch.setattr(Policy, "check_auth_publickey", cut_first)
    assert host.run("echo well").out == "well\n"
    assert server.connections == 2


def test_a_port_on_which_nobody_listens(home) -> None:
    with pytest.raises(HostError, match=r"^host far: ann@127\.0\.0\.1:1: .*refused") as raised:
        home.host(port=1).run(":")
    assert raised.value.hint.startswith("try by hand: ssh ")


def test_a_name_that_cannot_be_resolved(home, monkeypatch) -> None:
    import socket

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(HostError, match="its name cannot be resolved: Name or service not known"):
        home.host(address="nowhere.example").run(":")


def test_many_connections_to_one_endpoint_are_paced(monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(connection.time, "sleep", slept.append)
    monkeypatch.setattr(connection, "_next_turn", {})
    for host in ("a", "a", "b", "a"):
        connection._pace(host, 22, clock=lambda: 50.0)
    assert slept == pytest.approx([0.0, 0.1, 0.0, 0.2])
