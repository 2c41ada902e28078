"""Files to a host: one archive, unpacked and renamed there by a script that is fenced."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence

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
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
