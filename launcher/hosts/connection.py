"""SSH connections by Fabric: ssh_config, agent, keys, gateways; host keys that are not known are refused."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fabric
import paramiko
import tenacity
from paramiko.ssh_exception import (
    AuthenticationException,
    BadHostKeyException,
    NoValidConnectionsError,
    SSHException,
)

from launcher.hosts.base import HostError
from launcher.hosts.endpoint import Endpoint
from launcher.hosts.known_hosts import known_keys

CONNECT, BANNER, HANDSHAKE, AUTHENTICATE, CHANNEL = 10.0, 15.0, 60.0, 20.0, 15.0
"""Seconds to connect, for the server's first line, to agree on keys, to log in, to open a channel."""
KEEPALIVE = 15
DEAD = 60
"""Seconds without an answer to anything sent, keepalives too, after which a connection is dead."""
PACE = 0.1
"""Seconds between two new connections to one endpoint: sshd refuses bursts (MaxStartups 10:30:100)."""
_TRIES = 5
PATIENCE = 25.0
"""Seconds after which it is not tried once more: a host that hangs takes BANNER each time."""
_SSH_PORT = 22
_CUT_OFF = ("Authentication timeout", "saw EOF")
"""What Paramiko says of a log-in that was cut off, which it calls one that was refused."""

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it prints tracebacks of what it raises, too


class UnknownHostKey(SSHException):
    """The host shows a key that nobody vouches for, or one that is revoked."""


class _Transport(paramiko.Transport):
    """Patient with hosts that are slow to agree on keys: many at once take longer than paramiko's 15 s."""

    _active_check_timeout = 1.0  # how often its thread wakes for nothing: ten times a second it was

    def __init__(self, sock: Any, **options: Any) -> None:
        super().__init__(sock, **options)
        self.handshake_timeout = HANDSHAKE


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise UnknownHostKey(f"its host key {key.get_name()} {key.fingerprint} is not known")


def open_connection(endpoint: Endpoint) -> fabric.Connection:
    """A connection that is open. Raises HostError that says why not, and what to do."""
    connection = _made(endpoint)
    try:
        for attempt in _retrying():
            with attempt:
                _open(connection)
    except (SSHException, OSError, EOFError) as error:
        raise _explained(endpoint, connection, error) from error
    return connection


def _retrying() -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        stop=tenacity.stop_after_attempt(_TRIES) | tenacity.stop_after_delay(PATIENCE),
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=5.0),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    """Whether trying again may help: a server that is too busy resets connections or sends no banner."""
    if isinstance(error, (BadHostKeyException, UnknownHostKey)) or _is_no_entry(error):
        return False
    return isinstance(error, (SSHException, EOFError, ConnectionError))


def _is_no_entry(error: BaseException) -> bool:
    """Whether the host does not let us in."""
    if any(words in str(error) for words in _CUT_OFF):
        return False
    return isinstance(error, AuthenticationException) or "No authentication methods" in str(error)


# ---- what a connection is made from


def _made(endpoint: Endpoint) -> fabric.Connection:
    connection = fabric.Connection(
        endpoint.address,
        user=endpoint.user,
        port=endpoint.port,
        gateway=_gateway(endpoint),
        config=_config(),
        connect_timeout=int(CONNECT),
        connect_kwargs=_options(endpoint),
    )
    if isinstance(connection.gateway, fabric.Connection):
        connection.gateway = _shared(connection.gateway, endpoint)
    _trust(connection, endpoint)
    return connection


def _options(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "banner_timeout": BANNER,
        "auth_timeout": AUTHENTICATE,
        "channel_timeout": CHANNEL,
        "transport_factory": _Transport,
        **({"key_filename": [endpoint.key]} if endpoint.key else {}),
    }


def _config() -> fabric.Config:
    """A connection's own, since Fabric writes into it; nothing of Fabric's own configuration files."""
    return fabric.Config(lazy=True, ssh_config=_ssh_config())


@cache
def _ssh_config() -> paramiko.SSHConfig:
    config = fabric.Config(lazy=True)
    config.load_ssh_config()
    parsed: paramiko.SSHConfig = config.base_ssh_config
    return parsed


def _gateway(endpoint: Endpoint) -> fabric.Connection | None:
    if endpoint.gateway is None:
        return None
    return fabric.Connection(
        endpoint.gateway, config=_config(), connect_timeout=int(CONNECT), connect_kwargs=_options(endpoint)
    )


def _trust(connection: fabric.Connection, endpoint: Endpoint) -> None:
    """Let the connection know the keys of its host, under the name that paramiko looks for."""
    named = connection.host if connection.port == _SSH_PORT else f"[{connection.host}]:{connection.port}"
    known = known_keys(
        _known_hosts_files(connection, endpoint), connection.ssh_config.get("hostkeyalias", named)
    )
    keys = connection.client.get_host_keys()
    for key in known.trusted:
        if key not in known.revoked:
            keys.add(named, key.get_name(), key)
    connection.client.set_missing_host_key_policy(_Refuse())


def _known_hosts_files(connection: fabric.Connection, endpoint: Endpoint) -> Iterator[Path]:
    if endpoint.known_hosts is not None:
        yield Path(endpoint.known_hosts)
        return
    own = connection.ssh_config.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    shared = connection.ssh_config.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts")
    for name in f"{own} {shared}".split():
        yield Path(name).expanduser()


# ---- gateways: one connection for all hosts behind it

_gateways: dict[tuple[object, ...], fabric.Connection] = {}
_gateway_locks: dict[int, threading.Lock] = {}
_registry = threading.Lock()


def _shared(gateway: fabric.Connection, endpoint: Endpoint) -> fabric.Connection:
    if isinstance(gateway.gateway, fabric.Connection):
        gateway.gateway = _shared(gateway.gateway, endpoint)
    identity = (
        gateway.host,
        gateway.user,
        gateway.port,
        id(gateway.gateway),
        endpoint.key,
        endpoint.known_hosts,
    )
    with _registry:
        if identity not in _gateways:
            gateway.connect_timeout = int(CONNECT)
            gateway.connect_kwargs = {**_options(endpoint), **gateway.connect_kwargs}
            _trust(gateway, endpoint)
            _gateways[identity] = gateway
            _gateway_locks[id(gateway)] = threading.Lock()
        return _gateways[identity]


def _open(connection: fabric.Connection) -> None:
    """Open it, first what is before it; each endpoint gets new connections one by one."""
    gateway = connection.gateway
    if isinstance(gateway, fabric.Connection):
        with _gateway_locks[id(gateway)]:
            if not gateway.is_connected:
                _open(gateway)
    elif gateway is None:
        _pace(connection.host, connection.port)
    try:
        connection.open()
    except BaseException:
        connection.client.close()  # else its thread and its socket stay
        raise
    connection.transport.set_keepalive(KEEPALIVE)
    if gateway is None:
        connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD * 1000)


_next_turn: dict[tuple[str, int], float] = {}


def _pace(host: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
    with _registry:
        turn = max(clock(), _next_turn.get((host, port), 0.0))
        _next_turn[host, port] = turn + PACE
    time.sleep(max(0.0, turn - clock()))


# ---- what went wrong, and what to do


def _explained(endpoint: Endpoint, connection: fabric.Connection, error: Exception) -> HostError:
    place = f"host {endpoint.label}: {connection.user}@{connection.host}:{connection.port}"
    if isinstance(connection.gateway, fabric.Connection) and not connection.gateway.is_connected:
        place += f" by gateway {connection.gateway.user}@{connection.gateway.host}:{connection.gateway.port}"
    words, hint = _words(endpoint, connection, error)
    return HostError(f"{place}: {words}", hint=hint)


def _words(endpoint: Endpoint, connection: fabric.Connection, error: Exception) -> tuple[str, str | None]:
    by_hand = f"try by hand: ssh -p {connection.port} {connection.user}@{endpoint.address} true"
    if isinstance(error, BadHostKeyException):
        words = f"its host key is {error.key.fingerprint}, but {error.expected_key.fingerprint} is known"
        return (
            words,
            "if it was set up anew, remove the old key (ssh-keygen -R) and add the new one; else beware",
        )
    if isinstance(error, UnknownHostKey):
        hint = "compare the fingerprint on the host, then add the key to known_hosts: ssh-keyscan -p"
        return str(error), f"{hint} {connection.port} {connection.host}"
    if _is_no_entry(error):
        keys = "a key that it accepts: ssh-copy-id, ssh-add, or `ssh.key` and `ssh.user` in the cluster file"
        return f"it does not let {connection.user} in: {error}", keys
    if isinstance(error, NoValidConnectionsError):
        return "; ".join(str(each) for each in error.errors.values()), by_hand
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved: {error.strerror}", "`address` is a host name, address or alias"
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT:g} s", by_hand
    return str(error) or type(error).__name__, by_hand
