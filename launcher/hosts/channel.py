"""Both directions of a channel at once: neither end ever waits for the other to read."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko

from launcher.errors import LauncherError

PIECE = 65536


def converse(
    channel: paramiko.Channel, stdin: bytes | BinaryIO, out: BinaryIO | None, deadline: float
) -> tuple[bytes, bytes]:
    """Send all input, and take output (into `out` where given) and errors until both have ended.

    `deadline` is a moment of the monotonic clock. Raises TimeoutError, SSHException, OSError, EOFError, and
    LauncherError where output cannot be kept here.
    """
    sending = _Sending(channel, stdin, deadline)
    output, errors = bytearray(), bytearray()
    while not (channel.eof_received or channel.closed) or channel.recv_ready() or channel.recv_stderr_ready():
        _await(channel, deadline)
        if channel.recv_ready():
            piece = channel.recv(PIECE)
            if out is None:
                output += piece
            else:
                _keep(out, piece)
        if channel.recv_stderr_ready():
            errors += channel.recv_stderr(PIECE)
    sending.join()
    return bytes(output), bytes(errors)


def _keep(out: BinaryIO, piece: bytes) -> None:
    """An error of this machine's disk is not one of the connection."""
    try:
        out.write(piece)
    except OSError as error:
        raise LauncherError(f"what a host says cannot be written here: {error.strerror}") from error


def _await(channel: paramiko.Channel, deadline: float) -> None:
    """Wait until there is something to read, or the end."""
    poll = select.poll()  # select() takes no file number beyond 1023: a thousand hosts have more
    poll.register(channel, select.POLLIN)
    if not poll.poll(1000 * left(deadline)):
        raise TimeoutError


class _Sending:
    """Input on its way, in a thread where it may be long; one that nobody takes any more is let go."""

    def __init__(self, channel: paramiko.Channel, stdin: bytes | BinaryIO, deadline: float) -> None:
        self._channel, self._stdin, self._deadline = channel, stdin, deadline
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        if isinstance(stdin, bytes) and len(stdin) <= PIECE:
            self._send()
        else:
            self._thread = threading.Thread(target=self._send, daemon=True)
            self._thread.start()

    def join(self) -> None:
        """Raises what went wrong, but for a script that had ended before it took all."""
        if self._thread is not None:
            self._thread.join(left(self._deadline))
        transport = self._channel.get_transport()
        if self._failure is not None and not transport.is_active():
            raise self._failure

    def _send(self) -> None:
        try:
            for piece in _pieces(self._stdin):
                self._channel.settimeout(left(self._deadline))
                self._channel.sendall(piece)
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException) as error:  # "Socket is closed": it has ended
            self._failure = error


def _pieces(stdin: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(stdin, bytes):
        yield from (stdin[at : at + PIECE] for at in range(0, len(stdin), PIECE))
    else:
        yield from iter(lambda: stdin.read(PIECE), b"")


@contextmanager
def bounded(transport: paramiko.Transport, seconds: float) -> Iterator[None]:
    """End a connection on which the other side does not answer: paramiko would wait for ever."""
    watchdog = threading.Timer(seconds, transport.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def left(deadline: float) -> float:
    """Seconds; at least one look is taken."""
    return max(0.001, deadline - time.monotonic())
