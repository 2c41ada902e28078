"""An immutable snapshot of the job's code: what git tracks and what it does not ignore, by content."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from launcher.errors import UsageError

MOST_BYTES = 200_000_000
IGNORE_FILE = ".launcherignore"
_NEVER = ("__pycache__/", "*.pyc", ".git/")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files below a directory, relative names sorted; `digest` is over names, modes and contents."""

    root: Path
    names: tuple[str, ...]
    digest: str

    def write_tar(self, target: BinaryIO) -> None:
        """The files as an uncompressed tar archive without owners and times: equal files, equal bytes."""
        with tarfile.open(fileobj=target, mode="w") as archive:
            for name in self.names:
                archive.add(self.root / name, arcname=name, recursive=False, filter=_anonymous)


def take(root: Path) -> Snapshot:
    """Snapshot a directory. Raises UsageError if it is not there or holds more than 200 MB."""
    if not root.is_dir():
        raise UsageError(f"volumes.code.source: {root} is not a directory")
    names = tuple(sorted(_kept(root)))
    size = sum((root / name).lstat().st_size for name in names)
    if size > MOST_BYTES:
        raise UsageError(
            f"the code in {root} has {size / 1e6:.0f} MB, the limit is {MOST_BYTES / 1e6:.0f} MB",
            hint=f"name what is not code in {root / IGNORE_FILE}, in the form of .gitignore",
        )
    return Snapshot(root, names, _digest(root, names))


def git_state(root: Path) -> tuple[str | None, str]:
    """Commit of the code and the difference to it; None and nothing outside of git."""
    commit = _git(root, "rev-parse", "HEAD")
    difference = _git(root, "diff", "HEAD", "--", ".") if commit else None
    return (commit.decode().strip() if commit else None), (difference or b"").decode("utf-8", "replace")


def _kept(root: Path) -> Iterator[str]:
    import pathspec

    patterns = list(_NEVER)
    if (root / IGNORE_FILE).is_file():
        patterns += (root / IGNORE_FILE).read_text("utf-8").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(patterns)
    return (name for name in _candidates(root) if not ignored.match_file(name))


def _candidates(root: Path) -> list[str]:
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        files = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
        return [path.relative_to(root).as_posix() for path in files]
    names = {name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name}
    return [name for name in names if (root / name).is_symlink() or (root / name).is_file()]


def _git(root: Path, *words: str) -> bytes | None:
    """Output of git, or None where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _digest(root: Path, names: tuple[str, ...]) -> str:
    whole = sha256()
    for name in names:
        path = root / name
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        kind = "link" if path.is_symlink() else f"{path.stat().st_mode & 0o100:o}"
        encoded = name.encode("utf-8", "surrogateescape")
        whole.update(b"%d %b %b " % (len(encoded), encoded, kind.encode()))
        whole.update(sha256(content).digest())
    return whole.hexdigest()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def as_tar(snapshot: Snapshot) -> bytes:
    """The archive in memory."""
    buffer = io.BytesIO()
    snapshot.write_tar(buffer)
    return buffer.getvalue()
