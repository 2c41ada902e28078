"""Real SSH servers on loopback in this process, which fail as a test says.

Commands run in `/bin/sh -c` as under sshd, or a handler answers them. What paramiko's server side lacks is
done by overriding internals of `paramiko.Transport`: an upgrade of paramiko may need a look here.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import MSG_CHANNEL_REQUEST

CHUNK = 32768
GONE = (OSError, EOFError)  # what paramiko raises when a channel or its connection has ended
Call = Callable[..., Any]
Handler = Callable[[str, paramiko.Channel], "int | None"]
"""Answers a command, gives its exit status or None to send none; must return once the channel is closed."""


def write_key(path: Path) -> Path:
    """Write a fresh private key without passphrase, as `ssh-keygen` would, and give its path."""
    path.touch(mode=0o600)
    as_file = Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*as_file))
    return path


class SshServer(AbstractContextManager):
    """One sshd: signs in any user by one key; settings may change at any moment."""

    def __init__(self, key: Path, handler: Handler | None = None, machine: Machine | None = None) -> None:
        self.handler = handler or self._shell
        self.refuse_next = 0  # connections to close at once, as for MaxStartups
        self.no_banner = False  # accept connections and never say a word
        self.refuse_auth = False
        self.max_sessions = 10  # of a connection, sshd's default; each lasts until its command has ended
        self.forwarding = True
        self.connections = 0  # all that were accepted by TCP, those refused too
        self.sessions = 0
        self.forwards = 0
        self.users: list[str] = []  # who signed in, each once
        self.commands: list[str] = []
        self._own_machine = None if machine else Machine()
        self._machine = machine or self._own_machine
        self.host_key = self._machine.host_key
        self.key = paramiko.Ed25519Key.from_private_key_file(str(key))
        self.flowing = threading.Event()
        self.flowing.set()
        self._lock = threading.Lock()
        self._live: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address, self.port = self._listener.getsockname()
        self._machine.listen(self._listener, self._accept)

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def live(self) -> int:
        """How many connections there are now."""
        return len(self._live)

    def known_hosts_line(self) -> str:
        """What a known_hosts file says of this server."""
        key = self.host_key
        return f"[{self.address}]:{self.port} {key.get_name()} {key.get_base64()}\n"

    def go_silent(self) -> None:
        """Neither read nor write any more, as a host that hangs; connections stay open."""
        self.flowing.clear()

    def resume(self) -> None:
        """End silence; nothing was lost."""
        self.flowing.set()

    def drop(self) -> None:
        """Reset every connection there is."""
        for connection in (dropped := list(self._live)):
            connection.reset()
        for connection in dropped:
            connection.join()

    def close(self) -> None:
        """End every connection, thread and process of this server."""
        self.stop()
        self.wait()

    def stop(self) -> None:
        """Accept nothing more and reset what there is."""
        with self._lock:
            self._machine.unlisten(self._listener)
            for connection in list(self._live):
                connection.reset()

    def wait(self) -> None:
        """Wait for the threads of a server that was stopped, killing what its commands run."""
        for connection in list(self._live):
            connection.join()
        while running := [each for each in self._threads if each.is_alive()]:
            self._kill()
            running[0].join(0.05)
        if self._own_machine:
            self._own_machine.close()

    def spawn(self, work: Call, *given: object) -> threading.Thread:
        """Work in a thread that `close` waits for."""
        thread = threading.Thread(target=work, args=given, daemon=True)
        thread.start()
        with self._lock:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return thread

    def _accept(self) -> None:
        with self._lock, suppress(BlockingIOError, ConnectionAbortedError):
            if self._listener.fileno() < 0:  # shut meanwhile
                return
            accepted, _ = self._listener.accept()
            self.connections += 1
            if self.refuse_next > 0:
                self.refuse_next -= 1
                accepted.close()
                return
            connection = Connection(self, Wire(accepted, self.flowing))
            self._live.add(connection)
            connection.start_server(threading.Event(), Policy(connection))

    def _shell(self, command: str, channel: paramiko.Channel) -> None:
        pipe = subprocess.PIPE
        shell = ["/bin/sh", "-c", command]
        process = subprocess.Popen(shell, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self._processes.add(process)
        outputs = (process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr)
        pumps = [self.spawn(_pump, channel, *output) for output in outputs]
        self.spawn(_feed, channel, process.stdin, pumps)
        status = process.wait()
        self._processes.discard(process)
        if status >= 0 and not channel.closed:
            channel.send_exit_status(status)
        for pump in pumps:
            pump.join()

    def _kill(self) -> None:
        for process in list(self._processes):
            with suppress(ProcessLookupError):  # ended by itself
                os.killpg(process.pid, signal.SIGKILL)


class SshServers(list[SshServer], AbstractContextManager):
    """Many servers with one host key and one thread that accepts; they need three open files a connection."""

    def __init__(self, count: int, key: Path, handler: Handler | None = None) -> None:
        self._machine = Machine()
        super().__init__(SshServer(key, handler, self._machine) for _ in range(count))

    def __exit__(self, *_: object) -> None:
        self.close()

    def known_hosts(self) -> str:
        """The known_hosts file of all."""
        return "".join(server.known_hosts_line() for server in self)

    def close(self) -> None:
        """End all of them."""
        for server in self:
            server.stop()
        for server in self:
            server.wait()
        self._machine.close()


class Machine:
    """What servers may share: the host key, and the thread that accepts connections."""

    def __init__(self) -> None:
        self.host_key = paramiko.ECDSAKey.generate()
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def listen(self, listener: socket.socket, accept: Callable[[], None]) -> None:
        """Have connections accepted from now on."""
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, accept)

    def unlisten(self, listener: socket.socket) -> None:
        """Refuse connections from now on."""
        if listener.fileno() >= 0:
            self._selector.unregister(listener)
            listener.close()

    def close(self) -> None:
        """End the thread."""
        self._rope.close()
        self._thread.join()
        self._selector.close()
        self._bell.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data()


class Wire(socket.socket):
    """The socket of a connection; whoever uses it waits while nothing flows."""

    def __init__(self, accepted: socket.socket, flowing: threading.Event) -> None:
        super().__init__(fileno=accepted.detach())
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._flowing = flowing

    def recv(self, *how: Any) -> bytes:
        data = super().recv(*how)
        self._hold()
        return data

    def send(self, *how: Any) -> int:
        self._hold()
        return super().send(*how)

    def _hold(self) -> None:
        while not self._flowing.wait(0.1):
            if self.fileno() < 0:
                raise EOFError


def _request(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """Start a command after the client was told that it starts, or a quick one would end before that."""
    channel._handle_request(message)
    connection = channel.get_transport()
    while connection.asked:
        connection.server.spawn(connection.run_command, *connection.asked.pop())


class Connection(paramiko.Transport):
    """One client's connection: a thread that reads, and one or more for each channel."""

    _channel_handler_table = paramiko.Transport._channel_handler_table | {MSG_CHANNEL_REQUEST: _request}
    _active_check_timeout = 1.0  # paramiko's 0.1 would keep a processor busy with a few thousand idle threads

    def __init__(self, server: SshServer, wire: Wire) -> None:
        super().__init__(wire)
        self.packetizer.start_handshake = lambda timeout: None  # would leave a timer's thread for 15 s
        self.set_log_channel("tests.ssh_server")  # "paramiko" is what the client says
        self.add_server_key(server.host_key)
        self.server = server
        self.mute = server.no_banner
        self.idle: set[paramiko.Channel] = set()  # sessions without a command
        self.busy: set[paramiko.Channel] = set()  # sessions whose command has not ended
        self.asked: list[tuple[paramiko.Channel, str]] = []
        self.targets: dict[int, socket.socket] = {}

    def run(self) -> None:
        (self._swallow if self.mute else super().run)()
        for target in self.targets.values():
            target.close()
        self.server._live.discard(self)

    def reset(self) -> None:
        """End it without a word."""
        with suppress(OSError):  # ended by itself
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.shutdown(socket.SHUT_RD)  # wakes the thread, sends nothing
        self.close()

    def _swallow(self) -> None:
        with suppress(*GONE):
            self.sock.settimeout(None)
            while self.sock.recv(CHUNK):
                pass
        self.packetizer.close()

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        target = self.targets.pop(channel.chanid, None)
        if target is None:
            self.idle.add(channel)
        else:
            self.server.spawn(self._forward, channel, target)

    def _forward(self, channel: paramiko.Channel, target: socket.socket) -> None:
        up = channel.recv, target.sendall, lambda: target.shutdown(socket.SHUT_WR)
        down = target.recv, channel.sendall, channel.shutdown_write
        copies = [self.server.spawn(_copy, channel, *way) for way in (up, down)]
        channel.status_event.wait()  # in a server set by nothing but the end of the channel
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        for copy in copies:
            copy.join()
        target.close()

    def run_command(self, channel: paramiko.Channel, command: str) -> None:
        """Answer a command and close its channel."""
        try:
            status = self.server.handler(command, channel)
            if status is not None and not channel.closed:
                channel.send_exit_status(status)
        except GONE as error:
            if not (channel.closed or isinstance(error, EOFError)):
                raise  # an error of the handler, not the end of the channel
        finally:
            self.busy.discard(channel)
            with suppress(EOFError):
                channel.close()


class Policy(paramiko.ServerInterface):
    """What a connection may do; refusals are those of sshd."""

    def __init__(self, connection: Connection) -> None:
        self._server = connection.server
        self._connection = connection

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self._server.refuse_auth or key != self._server.key:
            return paramiko.AUTH_FAILED
        if username not in self._server.users:
            self._server.users.append(username)
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        idle = self._connection.idle = {each for each in self._connection.idle if not each.closed}
        if len(idle) + len(self._connection.busy) >= self._server.max_sessions:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self._server.sessions += 1
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if channel not in self._connection.idle:
            return False
        self._connection.idle.discard(channel)
        self._connection.busy.add(channel)
        self._server.commands.append(os.fsdecode(command))
        self._connection.asked.append((channel, os.fsdecode(command)))
        return True

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        if not self._server.forwarding:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            self._connection.targets[chanid] = socket.create_connection(destination)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self._server.forwards += 1
        return paramiko.OPEN_SUCCEEDED


def _pump(channel: paramiko.Channel, pipe: IO[bytes], send: Call) -> None:
    """Send what a process says; close its pipe when the client closes the channel."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    with pipe, suppress(*GONE):
        while not channel.closed:
            if poll.poll(100) and not channel.closed:
                if not (data := os.read(pipe.fileno(), CHUNK)):
                    break
                send(data)


def _feed(channel: paramiko.Channel, pipe: IO[bytes], pumps: list[threading.Thread]) -> None:
    """Give a process what the client says; when the connection is lost, outputs end before the input does."""
    with suppress(*GONE), pipe:
        while data := channel.recv(CHUNK):
            pipe.write(data)
            pipe.flush()
        for pump in pumps if channel.closed else ():
            pump.join()


def _copy(channel: paramiko.Channel, receive: Call, send: Call, end: Call) -> None:
    """Copy one direction of a channel that is forwarded; close the channel when both have ended."""
    with suppress(*GONE):
        while data := receive(CHUNK):
            send(data)
        end()
        if channel.eof_received and channel.eof_sent:
            channel.close()
