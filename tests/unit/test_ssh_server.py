"""Each feature of the SSH server of the tests, seen by a plain paramiko client."""

from __future__ import annotations

import os
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from tests.ssh_server import SshServer, SshServers, write_key

Connect = Callable[..., paramiko.SSHClient]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return write_key(tmp_path / "key")


@pytest.fixture
def server(key: Path) -> Iterator[SshServer]:
    with SshServer(key) as server:
        yield server


@pytest.fixture
def connect(key: Path, tmp_path: Path) -> Iterator[Connect]:
    """Connects to a server, whose host key must be the known one."""
    clients: list[paramiko.SSHClient] = []

    def connect(server: SshServer, **how: object) -> paramiko.SSHClient:
        known = tmp_path / "known_hosts"
        known.write_text(server.known_hosts_line())
        clients.append(client := paramiko.SSHClient())
        client.load_host_keys(str(known))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        given = {"username": "ann", "key_filename": str(key), "allow_agent": False, "look_for_keys": False}
        client.connect(server.address, server.port, **(given | how))
        if "sock" not in how:  # as ssh does; otherwise each command takes 40 ms
            client.get_transport().sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    yield connect
    for client in clients:
        client.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for what must come; a test that waits in vain hangs and says where."""
    while not condition():
        time.sleep(0.005)


def execute(client: paramiko.SSHClient, command: str) -> paramiko.Channel:
    channel = client.get_transport().open_session()
    channel.exec_command(command)
    return channel


def output(client: paramiko.SSHClient, command: str) -> bytes:
    return execute(client, command).makefile("rb").read()


def closed_at_last(channel: paramiko.Channel) -> bool:
    """Whether a channel ends without an exit status."""
    return channel.recv(1) == b"" and channel.recv_exit_status() == -1


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_runs_a_command(server: SshServer, connect: Connect) -> None:
    channel = execute(connect(server), "read word; echo out $word; echo err >&2; exit 7")
    channel.sendall(b"given\n")
    assert channel.makefile("rb").read() == b"out given\n"
    assert channel.makefile_stderr("rb").read() == b"err\n"
    assert channel.recv_exit_status() == 7


def test_a_signal_leaves_no_status(server: SshServer, connect: Connect) -> None:
    assert closed_at_last(execute(connect(server), "kill -9 $$"))


def test_records_who_does_what(server: SshServer, connect: Connect) -> None:
    client = connect(server)
    assert output(client, "echo 'ä\n'") == "ä\n\n".encode()
    output(client, "true")
    output(connect(server, username="bob"), "true")
    assert (server.users, server.commands) == (["ann", "bob"], ["echo 'ä\n'", "true", "true"])
    assert (server.connections, server.live, server.sessions) == (2, 2, 3)
    client.close()
    until(lambda: server.live == 1)


def test_large_binary_data_flows_both_ways_at_once(server: SshServer, connect: Connect) -> None:
    channel = execute(connect(server), "cat")
    data = os.urandom(5_000_000)  # more than two windows

    def send() -> None:
        channel.sendall(data)
        channel.shutdown_write()

    sender = threading.Thread(target=send)
    sender.start()
    assert channel.makefile("rb").read() == data
    sender.join()


def test_one_stream_may_end_before_the_other(server: SshServer, connect: Connect) -> None:
    channel = execute(connect(server), "exec >&-; cat >&2")
    channel.sendall(b"late")
    channel.shutdown_write()
    assert channel.makefile_stderr("rb").read() == b"late"
    assert channel.recv_exit_status() == 0


def test_a_process_whose_client_left_gets_pipe(server: SshServer, connect: Connect, tmp_path: Path) -> None:
    chatter = "while :; do echo x; sleep 0.01; done"
    channel = execute(connect(server), f"sh -c '{chatter}'; echo $? >{tmp_path}/status")
    channel.recv(1)
    channel.close()
    until(lambda: (tmp_path / "status").is_file() and (tmp_path / "status").read_text())
    assert (tmp_path / "status").read_text() == "141\n"


def test_a_process_gets_what_was_sent_before_close(
    server: SshServer, connect: Connect, tmp_path: Path
) -> None:
    channel = execute(connect(server), f"echo $$; cat >{tmp_path}/in")
    pid = int(channel.recv(100))
    channel.sendall(b"to the last byte")
    channel.close()
    until(lambda: gone(pid))
    assert (tmp_path / "in").read_bytes() == b"to the last byte"


def test_a_lost_connection_ends_outputs_first(server: SshServer, connect: Connect, tmp_path: Path) -> None:
    channel = execute(connect(server), f"echo $$; cat; echo; >{tmp_path}/survived")
    pid = int(channel.recv(100))
    server.drop()
    until(lambda: gone(pid))
    assert not (tmp_path / "survived").exists()


def test_a_handler_answers(key: Path, connect: Connect) -> None:
    def answer(command: str, channel: paramiko.Channel) -> int:
        channel.sendall(b"you said " + command.encode() + channel.recv(100))
        channel.sendall_stderr(b"hm")
        return 3

    with SshServer(key, answer) as server:
        channel = execute(connect(server), "hello")
        channel.sendall(b"!")
        assert channel.makefile("rb").read() == b"you said hello!"
        assert channel.makefile_stderr("rb").read() == b"hm"
        assert channel.recv_exit_status() == 3


def test_quick_answers_are_never_lost(key: Path, connect: Connect) -> None:
    with SshServer(key, lambda command, channel: 5) as server:
        client = connect(server)
        assert {execute(client, "x").recv_exit_status() for _ in range(100)} == {5}


def test_key_files_are_private(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_only_its_key_signs_in(server: SshServer, connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        connect(server, key_filename=str(write_key(tmp_path / "other")))
    with pytest.raises(paramiko.AuthenticationException):
        connect(server, key_filename=None, password="ann")
    server.refuse_auth = True
    with pytest.raises(paramiko.AuthenticationException):
        connect(server)
    server.refuse_auth = False
    assert output(connect(server), "echo in") == b"in\n"
    assert server.users == ["ann"]


def test_is_known_by_its_host_key(server: SshServer, key: Path, connect: Connect) -> None:
    with SshServer(key) as other:
        other.known_hosts_line = lambda: server.known_hosts_line().replace(str(server.port), str(other.port))
        with pytest.raises(paramiko.BadHostKeyException):
            connect(other)
        other.known_hosts_line = str
        with pytest.raises(paramiko.SSHException, match="not found in known_hosts"):
            connect(other)


def test_a_gateway_leads_to_another_server(server: SshServer, key: Path, connect: Connect) -> None:
    with SshServer(key) as inner:
        way = connect(server).get_transport()
        sock = way.open_channel("direct-tcpip", (inner.address, inner.port), ("", 0))
        client = connect(inner, sock=sock)
        assert output(client, "head -c 3000000 /dev/zero") == bytes(3_000_000)
        assert (server.forwards, server.sessions, inner.sessions) == (1, 0, 1)
        client.close()
        until(lambda: inner.live == 0)


def test_a_gateway_keeps_half_of_a_connection_open(server: SshServer, connect: Connect) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as target:
        way = connect(server).get_transport()
        channel = way.open_channel("direct-tcpip", target.getsockname(), ("", 0))
        with closing(target.accept()[0]) as end:
            channel.sendall(b"question")
            channel.shutdown_write()
            assert end.makefile("rb").read() == b"question"
            end.sendall(b"answer")
        assert channel.makefile("rb").read() == b"answer"
        until(lambda: channel.closed)


def test_a_gateway_refuses(server: SshServer, connect: Connect) -> None:
    way = connect(server).get_transport()
    with closing(socket.create_server(("127.0.0.1", 0))) as target:
        nobody = target.getsockname()
    with pytest.raises(paramiko.ChannelException, match="Connect failed"):
        way.open_channel("direct-tcpip", nobody, ("", 0))
    server.forwarding = False
    with pytest.raises(paramiko.ChannelException, match="Administratively prohibited"):
        way.open_channel("direct-tcpip", (server.address, server.port), ("", 0))
    assert server.forwards == 0


def test_refuses_the_next_connections(server: SshServer, connect: Connect) -> None:
    server.refuse_next = 2
    for _ in range(2):
        with pytest.raises(paramiko.SSHException, match="banner"):
            connect(server)
    connect(server)
    assert (server.connections, server.live, server.refuse_next) == (3, 1, 0)


def test_never_says_a_word(server: SshServer, connect: Connect) -> None:
    server.no_banner = True
    with pytest.raises(paramiko.SSHException, match="banner"):
        connect(server, banner_timeout=0.1)
    until(lambda: server.live == 0)
    server.no_banner = False
    assert output(connect(server), "echo well") == b"well\n"


def test_limits_sessions(server: SshServer, connect: Connect) -> None:
    server.max_sessions = 2
    client = connect(server)
    first, second = execute(client, "cat"), client.get_transport().open_session()
    with pytest.raises(paramiko.ChannelException, match="Connect failed"):
        client.get_transport().open_session()
    connect(server).get_transport().open_session()
    second.close()
    client.get_transport().open_session().close()
    first.shutdown_write()
    first.recv_exit_status()
    until(lambda: first.closed)
    both = [client.get_transport().open_session() for _ in range(2)]
    assert (len(both), server.sessions) == (2, 6)


def test_a_command_keeps_its_session(server: SshServer, connect: Connect) -> None:
    server.max_sessions = 1
    client = connect(server)
    channel = execute(client, "echo $$; exec sleep 1000")
    pid = int(channel.recv(100))
    channel.close()
    with pytest.raises(paramiko.ChannelException, match="Connect failed"):
        client.get_transport().open_session()
    os.kill(pid, 9)


def test_drops_connections(server: SshServer, connect: Connect) -> None:
    channel = execute(connect(server), "echo started; exec cat")
    assert channel.recv(100) == b"started\n"
    server.drop()
    assert server.live == 0
    assert closed_at_last(channel)
    until(lambda: not channel.get_transport().is_active())
    assert output(connect(server), "echo well") == b"well\n"


def test_goes_silent_and_comes_back(server: SshServer, connect: Connect) -> None:
    client = connect(server)
    channel = execute(client, "cat")
    server.go_silent()
    channel.sendall(b"later")
    channel.settimeout(0.2)
    with pytest.raises(TimeoutError):
        channel.recv(100)
    with pytest.raises(paramiko.SSHException, match="Timeout opening channel"):
        client.get_transport().open_session(timeout=0.1)
    with pytest.raises(paramiko.SSHException, match="banner"):
        connect(server, banner_timeout=0.1)
    server.resume()
    channel.settimeout(None)
    assert channel.recv(100) == b"later"


def test_close_ends_threads_and_processes(key: Path, connect: Connect) -> None:
    before = set(threading.enumerate())
    server = SshServer(key)
    busy = [execute(connect(server), "echo $$; exec 2>&-; trap '' PIPE; sleep 1000") for _ in range(3)]
    pids = [int(channel.recv(100)) for channel in busy]
    flooded = execute(connect(server), "cat /dev/zero")
    server.no_banner = True
    with closing(socket.create_connection((server.address, server.port))):
        until(lambda: server.live == 5)
        server.go_silent()
        server.close()
    assert all(closed_at_last(channel) for channel in busy)
    assert flooded.closed
    until(lambda: all(map(gone, pids)))
    until(lambda: set(threading.enumerate()) == before)
    server.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_servers(key: Path, connect: Connect) -> None:
    threads = threading.active_count()
    with SshServers(1000, key) as servers:
        assert threading.active_count() == threads + 1
        assert len({server.port for server in servers}) == 1000
        assert len(servers.known_hosts().splitlines()) == 1000
        for number, server in enumerate(servers):
            server.handler = lambda command, channel, number=number: channel.sendall(b"%d" % number)
        for number in (0, 500, 999):
            assert output(connect(servers[number]), "who") == b"%d" % number
        assert sum(server.connections for server in servers) == 3
