"""Scripts that say how far they are, and waiting for many of them."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from launcher.hosts import Host, HostError, RemoteError, Stream

SILENCE = 60.0
"""Seconds without a word after which a host is given up."""
_TELL_EVERY = 5.0
Result = TypeVar("Result")


@contextmanager
def streaming(host: Host, text: str, *words: str) -> Iterator[Stream]:
    """Output of a script, which ends with the context. Raises HostError."""
    stream = host.stream(text, *words)
    try:
        yield stream
    finally:
        stream.close()


def read(stream: Stream, label: str) -> bytes:
    """What comes next, nothing at the end. Raises HostError where a host says nothing for long."""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN)
    if not poll.poll(1000 * SILENCE):
        raise HostError(f"host {label}: it fell silent while it had to do with an image")
    return stream.read()


def follow(host: Host, note: Callable[[str], None], text: str, *words: str) -> None:
    """Let a script end; what it says behind `have` goes to `note`, once a second.

    Raises RemoteError with its reason where it says `failed`, HostError where it ends without `done`, and
    what `note` raises: then the script ends, too.
    """
    with streaming(host, text, *words) as stream:
        for line in _lines(stream, host.label):
            state, _, rest = line.partition(" ")
            if state == "have":
                note(rest)
            elif state == "failed":
                raise RemoteError(f"host {host.label}: {rest}")
            elif state == "done":
                return
    raise HostError(f"host {host.label}: contact lost while it was getting an image")


@contextmanager
def workers(most: int) -> Iterator[ThreadPoolExecutor]:
    """Threads. After an error nobody waits for what they are at: it ends with the connections."""
    pool = ThreadPoolExecutor(max_workers=max(1, most))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def await_all(futures: Iterable[Future[Result]], look: Callable[[], None], say: Callable[[], None]) -> None:
    """Until all are done; `look` is called twice a second, and may raise, `say` now and then."""
    left, told = set(futures), time.monotonic()
    while left:
        left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED).not_done
        look()
        if left and time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            say()


def _lines(stream: Stream, label: str) -> Iterator[str]:
    rest = b""
    while data := read(stream, label):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
