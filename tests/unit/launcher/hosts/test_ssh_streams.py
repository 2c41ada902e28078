"""Streams and dials of a host over SSH: scripts that go on, and scripts that carry another protocol."""

from __future__ import annotations

import os
import selectors
import threading
from pathlib import Path

import pytest

from launcher.hosts import Completed, HostError, ssh

ECHO = 'printf "%s\\0" "$@"'


# ---- streams


def test_a_stream_is_read_under_a_selector_as_it_comes(host) -> None:
    stream = host.stream('printf "%s\n" "$@"; echo unheard >&2; read -r rest; exit 3', "a b", "c")
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        heard = b""
        while not heard.endswith(b"c\n"):
            selector.select()
            heard += stream.read()
        assert heard == b"a b\nc\n"
        assert selector.select(0.0) == []
    stream.close()
    stream.close()


def test_the_end_of_a_stream_is_empty(host) -> None:
    stream = host.stream("echo all")
    assert stream.read() == b"all\n"
    assert stream.read() == b""
    stream.close()


def test_a_stream_over_a_lost_connection_ends(host, server) -> None:
    stream = host.stream("echo begun; exec sleep 600")
    assert stream.read() == b"begun\n"
    server.drop()
    assert stream.read() == b""
    stream.close()


def test_a_stream_that_is_closed_ends_its_script_at_its_next_word(host, until) -> None:
    stream = host.stream("echo $$; while echo; do sleep 0.01; done")
    pid = int(stream.read().split()[0])
    stream.close()
    until(lambda: not Path(f"/proc/{pid}").exists())


# ---- dials


def test_a_dial_carries_anything_both_ways(host) -> None:
    dial = host.dial('echo "$1"; exec cat', "hello there")
    data = os.urandom(300_000)
    sender = threading.Thread(target=dial.socket.sendall, args=(data,))
    sender.start()
    expected = b"hello there\n" + data
    heard = bytearray()
    while len(heard) < len(expected):
        heard += dial.socket.recv(65536)
    sender.join()
    assert bytes(heard) == expected
    dial.close()


def test_the_words_of_a_dial_are_bounded(host) -> None:
    dial = host.dial("exec cat", timeout=0.2)
    with pytest.raises(TimeoutError):
        dial.socket.recv(1)
    dial.close()


def test_a_dial_that_ends_early_has_a_verdict(host) -> None:
    dial = host.dial("echo 'no Docker here' >&2; exit 7")
    assert dial.socket.recv(1) == b""
    assert dial.verdict() == Completed(7, "", "no Docker here\n")
    dial.close()


def test_a_dial_over_a_lost_connection_has_no_verdict(host, server) -> None:
    dial = host.dial("echo begun; exec cat")
    assert dial.socket.recv(100) == b"begun\n"
    server.drop()
    with pytest.raises(HostError, match="contact lost"):
        dial.verdict()
    dial.close()


def test_a_dial_that_says_nothing_any_more_has_fallen_silent(host, monkeypatch) -> None:
    monkeypatch.setattr(ssh, "_LAST_WORDS", 0.2)
    dial = host.dial("exec sleep 600")
    with pytest.raises(HostError, match="host far: it fell silent"):
        dial.verdict()
    dial.close()
