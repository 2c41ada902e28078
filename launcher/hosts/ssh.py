"""A host over SSH: one connection, a channel for each script that runs there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import fabric
import paramiko
from paramiko.ssh_exception import ChannelException, SSHException

from launcher.hosts.base import CHANNELS, Completed, HostError
from launcher.hosts.channel import PIECE, bounded, converse, left
from launcher.hosts.command import ANNOUNCE, command_line, without_greeting
from launcher.hosts.connection import CHANNEL, open_connection
from launcher.hosts.endpoint import Endpoint
from launcher.hosts.terminal import attend

_LAST_WORDS = 5.0
_NO_STATUS = -1
_SETTLING = (0.0, 0.1, 0.4)
"""Seconds before each try to open a channel."""
_QUIET = "exec 2>/dev/null\n"


class SshStream:
    """Output of a script that goes on."""

    def __init__(self, host: SshHost, channel: paramiko.Channel) -> None:
        self._host = host
        self._channel = channel
        self._closed = False

    def fileno(self) -> int:
        return self._channel.fileno()

    def read(self) -> bytes:
        try:
            return self._channel.recv(PIECE)
        except (SSHException, OSError, EOFError) as error:
            raise self._host.error(error) from error

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._host.give_back(self._channel)


class SshDial:
    """A script whose input and output are a connection of somebody else's protocol; used like a socket."""

    def __init__(self, host: SshHost, channel: paramiko.Channel) -> None:
        self._host = host
        self.socket = channel

    def verdict(self) -> Completed:
        """What the script said when it ended before its time. Raises HostError where contact is lost."""
        deadline = time.monotonic() + _LAST_WORDS
        try:
            output, errors = converse(self.socket, b"", None, deadline)
            return self._host.completed(self.socket, output, errors, deadline)
        except TimeoutError:
            raise HostError(f"host {self._host.label}: it fell silent") from None
        except (SSHException, OSError, EOFError) as error:
            raise self._host.error(error) from error

    def close(self) -> None:
        self._host.give_back(self.socket)


class SshHost:
    """A host over SSH. Connects when it is first used, and again after the connection was lost."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection: fabric.Connection | None = None
        self._connecting = threading.Lock()
        self._failed: tuple[float, HostError] | None = None
        """When a connection last failed, and why."""
        self._channels = threading.BoundedSemaphore(CHANNELS)

    @property
    def label(self) -> str:
        return self._endpoint.label

    def run(
        self,
        script: str,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        out: BinaryIO | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        deadline = time.monotonic() + timeout
        announced = ANNOUNCE + script if out is None else script
        with self._channel(announced, words, timeout) as channel:
            try:
                output, errors = converse(channel, stdin, out, deadline)
                done = self.completed(channel, output, errors, deadline)
                return without_greeting(self.label, done) if out is None else done
            except TimeoutError:
                raise HostError(f"host {self.label}: no answer within {timeout:g} s") from None
            except (SSHException, OSError, EOFError) as error:
                raise self.error(error) from error

    def stream(self, script: str, *words: str) -> SshStream:
        return SshStream(self, self._started(_QUIET + script, words, CHANNEL))

    def dial(self, script: str, *words: str, timeout: float = 60.0) -> SshDial:
        channel = self._started(script, words, CHANNEL)
        channel.settimeout(timeout)
        return SshDial(self, channel)

    def attend(self, script: str, *words: str, terminal: bool) -> int:
        try:
            return attend(self._opened(), command_line(script, words), terminal=terminal)
        except (SSHException, OSError, EOFError) as error:
            raise self.error(error) from error

    def sessions(self) -> int:
        opened: list[paramiko.Channel] = []
        try:
            transport = self._transport()
            with suppress(ChannelException):
                while len(opened) < CHANNELS:
                    opened.append(transport.open_session(timeout=CHANNEL))
            for channel in opened:
                channel.close()
            with bounded(transport, CHANNEL):  # its answer comes when they are closed
                transport.global_request("keepalive@openssh.com", wait=True)
        except (SSHException, OSError, EOFError) as error:
            raise self.error(error) from error
        return len(opened)

    def close(self) -> None:
        with self._connecting:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(SSHException, OSError, EOFError):  # its gateway may be gone
                    connection.client.close()

    def give_back(self, channel: paramiko.Channel) -> None:
        """Close a channel, so that another can be opened."""
        with suppress(SSHException, OSError, EOFError):  # the connection is dying: so is the channel
            channel.close()
        self._channels.release()

    def error(self, error: Exception) -> HostError:
        """What it means that a channel broke."""
        return HostError(f"host {self.label}: contact lost: {error or type(error).__name__}")

    @contextmanager
    def _channel(self, script: str, words: tuple[str, ...], timeout: float) -> Iterator[paramiko.Channel]:
        channel = self._started(script, words, timeout)
        try:
            yield channel
        finally:
            self.give_back(channel)

    def _started(self, script: str, words: tuple[str, ...], timeout: float) -> paramiko.Channel:
        """A channel on which the script runs. Raises HostError."""
        if not self._channels.acquire(timeout=timeout):
            raise HostError(f"host {self.label}: its {CHANNELS} channels were busy for {timeout:g} s")
        connection = self._connection
        try:
            channel = self._opened()
            with bounded(channel.get_transport(), CHANNEL):
                channel.exec_command(command_line(script, words))
        except (SSHException, OSError, EOFError) as error:
            self._channels.release()
            self._give_up(connection)
            raise self.error(error) from error
        except HostError:
            self._channels.release()
            raise
        return channel

    def _give_up(self, connection: fabric.Connection | None) -> None:
        """A connection that opens no channel is dead, whatever TCP thinks; by now there may be a new one."""
        if connection is self._connection:
            self.close()

    def _opened(self) -> paramiko.Channel:
        """A channel; where sshd opens few, one whose script has just ended may count for a moment more."""
        refusal = ""
        for pause in _SETTLING:
            time.sleep(pause)
            try:
                return self._transport().open_session(timeout=CHANNEL)
            except ChannelException as error:
                refusal = error.text
        raise HostError(
            f"host {self.label}: sshd opens no more sessions: {refusal}",
            hint=f"its MaxSessions must be {CHANNELS} or more: sshd -T | grep maxsessions",
        )

    def _transport(self) -> paramiko.Transport:
        """Who waited for a connection that failed does not try again: at a host that hangs that adds up."""
        asked = time.monotonic()
        with self._connecting:
            if self._failed is not None and self._failed[0] > asked:
                raise HostError(str(self._failed[1]), hint=self._failed[1].hint)
            if self._connection is None or not self._connection.is_connected:
                self._connection = self._connected()
            transport: paramiko.Transport = self._connection.transport
            return transport

    def _connected(self) -> fabric.Connection:
        try:
            return open_connection(self._endpoint)
        except HostError as error:
            self._failed = time.monotonic(), error
            raise

    def completed(
        self, channel: paramiko.Channel, output: bytes, errors: bytes, deadline: float
    ) -> Completed:
        """The end of a script whose output has been read. Raises HostError for none, TimeoutError."""
        if not channel.status_event.wait(left(deadline)):
            raise TimeoutError
        if channel.exit_status == _NO_STATUS:
            raise HostError(f"host {self.label}: contact lost before a script had ended")
        return Completed(channel.exit_status, _text(output), _text(errors))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
