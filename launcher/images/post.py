"""A host in one delivery: a directory there, and a door for the other hosts."""

from __future__ import annotations

import os
import random
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from launcher.hosts import Dial, Host, HostError, RemoteError, Stream
from launcher.hosts.fence import checked
from launcher.images.keys import Pass
from launcher.images.progress import follow, read, streaming
from launcher.remote import script

PATIENCE = 30.0
"""Seconds without a byte after which a transfer is given up and tried another way."""
BEATS = 10.0
"""Seconds between two beats."""
_BEATEN = 90
"""Seconds without a beat of ours after which a host removes all that belongs to the delivery."""
_OPENS_IN = 60.0
_LONG = 24 * 3600.0
_PORTS = range(20000, 32000)  # below those that kernels hand out (from 32768)
_PORTS_TRIED = 5
_TRIES = 3
_SPOILT = 3


@dataclass(frozen=True, slots=True)
class Site:
    """Where and how a host takes images."""

    work_dir: str
    sudo: bool = False
    host_ip: str | None = None
    """Its address for other hosts; None where they cannot reach it."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file that an engine loads. Size in bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Door:
    """Where other hosts fetch the parcel."""

    address: str
    port: str
    user: str


class Spoilt(RemoteError):
    """What has arrived is not what was sent; it is gone."""


class Post:
    """A host's part in one delivery.

    Nothing of it stays there after `close`, or the connection's end. But of a parcel that was on its way what
    has arrived waits there for the next delivery of the same parcel; any other one, and `clean`, removes it.
    """

    def __init__(
        self, host: Host, site: Site, token: str, keys: Pass, expected: Parcel | None = None
    ) -> None:
        """`expected` is what it shall get; None on the host that sends. Raises RemoteError, HostError."""
        self.host, self.site = host, site
        self.directory = f"{site.work_dir.rstrip('/')}/images/{token}"
        self.parcel = f"{self.directory}/parcel"
        self.door: Door | None = None
        self.reason = ""
        """Why there is no door."""
        self.there = 0
        """Bytes of the parcel that are there from an earlier delivery."""
        self._is_partial = self._is_closed = False
        ports = map(str, random.sample(_PORTS, _PORTS_TRIED))
        sender = f"set -f\nset -- {shlex.join((self.parcel, f'{PATIENCE:.0f}'))} $SSH_ORIGINAL_COMMAND\n"
        words = (self.directory, site.host_ip or "", str(_BEATEN), expected.sha256 if expected else "")
        more = (sender + script("image_send"), *ports)
        self._dial: Dial = host.dial(script("image_post"), *words, *more, timeout=_OPENS_IN)
        self._keys = ""
        try:
            self._open(keys)
        except BaseException:
            self._dial.close()
            raise

    @property
    def label(self) -> str:
        return self.host.label

    def _open(self, keys: Pass) -> None:
        try:
            self._dial.socket.sendall(keys.lines())
            state, _, words = self._line().partition(" ")
        except OSError as error:
            raise HostError(f"host {self.label}: contact lost: {error or type(error).__name__}") from error
        if state == "open":
            port, user, there, self._keys = words.split(" ", 3)
            self.there = int(there)
            self.door = Door(self.site.host_ip or "", port, user)
        elif state == "shut":
            there, self._keys, self.reason = words.split(" ", 2)
            self.there = int(there)
        else:
            raise RemoteError(
                f"host {self.label}: {self._dial.verdict().err.strip() or 'no place for an image'}"
            )

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n") and (piece := self._dial.socket.recv(1)):
            line += piece
        return line.decode("utf-8", "replace").strip()

    def beat(self) -> bool:
        """Say that we are there. Whether it can be told; else it will notice by itself."""
        try:
            self._dial.socket.sendall(b"\n")
        except (OSError, EOFError):
            return False
        return True

    def close(self, *, keep: bool = True) -> None:
        """Leave nothing there, but what has arrived of a parcel that was on its way, if `keep`."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(OSError, EOFError, HostError):
            if not (keep and self._is_partial):
                self._dial.socket.sendall(b"over\n")
            self._dial.socket.shutdown(1)
            self._dial.verdict()
        self._dial.close()

    # ---- the parcel

    def room_for(self, size: int) -> None:
        """Raises RemoteError where the work directory has none."""
        checked(self.host, script("image_room"), self.directory, str(size))

    def fetch(self, door: Door, parcel: Parcel, note: Callable[[int], None]) -> None:
        """The rest of the parcel, from another host; bytes that are there go to `note`.

        Raises RemoteError where that fails, HostError where this host is lost.
        """
        self._is_partial = True
        words = (self.parcel, str(parcel.size), self._keys, door.user, door.address, door.port)
        follow(self.host, lambda there: note(int(there)), script("image_fetch"), *words)
        note(parcel.size)

    def take_from(self, source: Post, parcel: Parcel, note: Callable[[int], None]) -> None:
        """The same through this machine. Raises RemoteError, HostError."""
        self._is_partial = True
        for number in range(_TRIES):
            there = int(checked(self.host, script("image_size"), self.parcel).out)
            try:
                self._relay(source, parcel, there, note)
            except HostError:
                if number == _TRIES - 1:
                    raise
                continue
            if int(checked(self.host, script("image_size"), self.parcel).out) == parcel.size:
                return
        raise RemoteError(f"host {self.label}: the image does not arrive whole from {source.label}")

    def _relay(self, source: Post, parcel: Parcel, there: int, note: Callable[[int], None]) -> None:
        words = (source.parcel, f"{PATIENCE:.0f}", str(there), str(parcel.size))
        with streaming(source.host, script("image_send"), *words) as stream, _pipe() as (reader, writer):
            pump = threading.Thread(
                target=_pump, args=(stream, writer, there, note, source.label), daemon=True
            )
            pump.start()
            try:
                checked(
                    self.host, script("image_append"), self.parcel, str(there), stdin=reader, timeout=_LONG
                )
            finally:
                reader.close()
                pump.join()

    def verify(self, parcel: Parcel) -> None:
        """Raises Spoilt where it is another than was sent, RemoteError, HostError."""
        done = self.host.run(script("image_verify"), self.parcel, parcel.sha256, timeout=_LONG)
        if done.code == _SPOILT:
            raise Spoilt(f"host {self.label}: {done.err.strip()}")
        self._is_partial = False
        if done.code:
            raise RemoteError(f"host {self.label}: {done.err.strip()}")

    def load(self) -> None:
        """The engine takes it. Raises RemoteError with its words, HostError."""
        sudo = "sudo" if self.site.sudo else ""
        checked(self.host, script("image_load"), self.parcel, sudo, timeout=_LONG)

    def save(self, image: str) -> Parcel:
        """The image of this host's engine as a parcel, whole. Raises RemoteError, HostError."""
        return _parcel(self._saved(image, "whole"))

    def unpack(self, image: str) -> str:
        """The same, unpacked for `pack`; returns its manifest."""
        return self._saved(image, "unpacked")

    def pack(self, without: list[str]) -> Parcel:
        """What has been unpacked, without some files, as a parcel."""
        return _parcel(checked(self.host, script("image_pack"), self.directory, *without, timeout=_LONG).out)

    def _saved(self, image: str, how: str) -> str:
        words = (self.directory, "sudo" if self.site.sudo else "", image, how)
        return checked(self.host, script("image_save"), *words, timeout=_LONG).out


def _parcel(told: str) -> Parcel:
    size, sha256, *_ = told.split()
    return Parcel(int(size), sha256)


@contextmanager
def _pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    out, into = os.pipe()
    with open(out, "rb") as reader, open(into, "wb") as writer:
        yield reader, writer


def _pump(stream: Stream, writer: BinaryIO, there: int, note: Callable[[int], None], label: str) -> None:
    """From one host towards another, until either ends; what is missing then is seen there."""
    with suppress(OSError, HostError, ValueError), writer:
        while data := read(stream, label):
            writer.write(data)
            there += len(data)
            note(there)
