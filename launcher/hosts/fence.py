"""Changes on hosts are fenced: whoever has lost the lease of a run changes nothing any more."""

from __future__ import annotations

from typing import BinaryIO

from launcher.errors import LostContact
from launcher.hosts import Completed, DockerSilent, Host, RemoteError

FENCED = 75
_SILENT = 77


class Fenced(LostContact):
    """Another launcher has taken this run over."""


def checked(
    host: Host,
    text: str,
    *words: str,
    stdin: bytes | BinaryIO = b"",
    out: BinaryIO | None = None,
    timeout: float = 30.0,
) -> Completed:
    """Run a script that must succeed. Raises Fenced, DockerSilent, RemoteError with its words, HostError."""
    done = host.run(text, *words, stdin=stdin, out=out, timeout=timeout)
    if done.code == FENCED:
        raise Fenced(f"host {host.label}: {done.err.strip()}")
    if done.code == _SILENT:
        raise DockerSilent(f"host {host.label}: {done.err.strip()}")
    if done.code:
        raise RemoteError(f"host {host.label}: {done.err.strip() or f'exit code {done.code}'}")
    return done
