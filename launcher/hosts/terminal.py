"""A script on a host with this process's own input and output, a terminal too."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType

import paramiko

_PIECE = 65536


def attend(channel: paramiko.Channel, command: str, *, terminal: bool) -> int:
    """Run a command on an open channel until it ends; its exit code.

    With a `terminal` keys go there as they are pressed, Ctrl-C too. Raises EOFError where no exit code comes.
    """
    if terminal:
        columns, lines = shutil.get_terminal_size()
        channel.get_pty(os.environ.get("TERM", "dumb"), columns, lines)
    channel.exec_command(command)
    with _raw(channel) if terminal else nullcontext():
        threading.Thread(target=_send, args=(channel,), daemon=True).start()
        errors = threading.Thread(target=_pour, args=(channel.recv_stderr, sys.stderr.fileno()), daemon=True)
        errors.start()
        _pour(channel.recv, sys.stdout.fileno())
        errors.join()
        channel.status_event.wait()
    if channel.exit_status < 0:
        raise EOFError("no exit code came: the connection broke, or the command was killed there")
    return channel.exit_status


def _send(channel: paramiko.Channel) -> None:
    """Our input, byte for byte, until it ends or nobody takes it."""
    with suppress(OSError, EOFError, paramiko.SSHException):
        while data := os.read(sys.stdin.fileno(), _PIECE):
            channel.sendall(data)
        channel.shutdown_write()


def _pour(receive: Callable[[int], bytes], target: int) -> None:
    while data := receive(_PIECE):
        while data:
            data = data[os.write(target, data) :]


@contextmanager
def _raw(channel: paramiko.Channel) -> Iterator[None]:
    """The terminal hands on every key; its size is followed."""

    def resize(number: int, frame: FrameType | None) -> None:
        columns, lines = shutil.get_terminal_size()
        channel.resize_pty(columns, lines)

    before, handler = termios.tcgetattr(sys.stdin), signal.signal(signal.SIGWINCH, resize)
    tty.setraw(sys.stdin, termios.TCSADRAIN)  # what has been typed already is kept
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)
