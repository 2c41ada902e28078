"""Files to a host: one archive, unpacked and renamed there by a script that is fenced."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Mapping, Sequence
from functools import lru_cache

from launcher.hosts.base import Host
from launcher.hosts.fence import checked
from launcher.remote import script

_TIMEOUT = 300.0


def put(
    host: Host,
    files: Mapping[str, bytes],
    target: str,
    *,
    fence: tuple[str, int],
    directories: Sequence[str] = (),
    mode: int = 0o644,
) -> None:
    """Write files below a target directory, each by rename; makes it, and other directories, first.

    `fence` is run directory and epoch. Raises Fenced, RemoteError with the host's own words, HostError.
    """
    run_dir, epoch = fence
    words = (run_dir, str(epoch), target, str(len(files)), *directories)
    checked(host, script("put"), *words, stdin=_archive(files, mode), timeout=_TIMEOUT)


def _archive(files: Mapping[str, bytes], mode: int) -> bytes:
    """A compressed tar archive, of a gzip member a file: they follow one another as one stream."""
    return b"".join(_member(name, content, mode) for name, content in files.items()) + _END


_END = gzip.compress(bytes(2 * tarfile.BLOCKSIZE), 1)


@lru_cache(maxsize=64)
def _member(name: str, content: bytes, mode: int) -> bytes:
    """One file; the plan, which goes to every host, is compressed once."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    return gzip.compress(entry.tobuf() + content + padding, 1)
