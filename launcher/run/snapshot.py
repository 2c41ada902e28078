"""An immutable snapshot of the job's code: what git tracks and what it does not ignore, by content."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from launcher.errors import UsageError

MOST_BYTES = 200_000_000
IGNORE_FILE = ".launcherignore"
_NEVER = ("__pycache__/", "*.pyc", ".git/")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files below a directory, names sorted, and their tar archive: what is uploaded is what was hashed.

    The archive has no owners and times: equal files, equal bytes. `digest` is its SHA-256.
    """

    root: Path
    names: tuple[str, ...]
    archive: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        return sha256(self.archive).hexdigest()


def take(root: Path) -> Snapshot:
    """Snapshot a directory. Raises UsageError if it is not there, holds nothing or more than 200 MB."""
    if not root.is_dir():
        raise UsageError(f"volumes.code.source: {root} is not a directory")
    names = tuple(sorted(_kept(root)))
    if not names:
        raise UsageError(
            f"volumes.code.source: there is no code in {root}",
            hint=f"what git ignores, and what {IGNORE_FILE} names, is left out",
        )
    try:
        _refuse_size(root, sum((root / name).lstat().st_size for name in names))
        return Snapshot(root, names, _archive(root, names))
    except OSError as error:
        raise UsageError(
            f"volumes.code.source: {error}", hint=f"{root / IGNORE_FILE} leaves files out"
        ) from error


def _refuse_size(root: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise UsageError(
            f"the code in {root} has {size / 1e6:.0f} MB, the limit is {MOST_BYTES / 1e6:.0f} MB",
            hint=f"name what is not code in {root / IGNORE_FILE}, in the form of .gitignore",
        )


def git_state(root: Path) -> tuple[str | None, str]:
    """Commit of the code and the difference to it; None and nothing outside of git."""
    commit = _git(root, "rev-parse", "HEAD")
    difference = _git(root, "diff", "--no-ext-diff", "--no-color", "HEAD", "--", ".") if commit else None
    return (commit.decode().strip() if commit else None), (difference or b"").decode("utf-8", "replace")


def _kept(root: Path) -> Iterator[str]:
    import pathspec

    patterns = list(_NEVER)
    if (root / IGNORE_FILE).is_file():
        patterns += (root / IGNORE_FILE).read_text("utf-8", "surrogateescape").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(patterns)
    return (name for name in _candidates(root) if not ignored.match_file(name))


def _candidates(root: Path) -> list[str]:
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None or (not listed and _git(root, "check-ignore", "--quiet", ".") is not None):
        # Outside of git; or ignored by it as a whole, as an environment is that holds an installed launcher.
        files = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
        return [path.relative_to(root).as_posix() for path in files]
    return [kept for name in set(listed.split(b"\0")) if name for kept in _files(root, os.fsdecode(name))]


def _files(root: Path, name: str) -> list[str]:
    """A name that git lists, if it is there; of a repository in this one (a submodule) its files."""
    path = root / name
    if path.is_symlink() or path.is_file():
        return [name]
    if path.is_dir() and (path / ".git").exists():
        return [f"{name.rstrip('/')}/{inner}" for inner in _candidates(path)]
    return []


def _git(root: Path, *words: str) -> bytes | None:
    """Output of git, or None where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _archive(root: Path, names: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            _add(archive, root / name, name)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
        archive.addfile(entry)
        return
    content = path.read_bytes()
    entry.size, entry.mode = len(content), 0o755 if path.stat().st_mode & 0o100 else 0o644
    archive.addfile(entry, io.BytesIO(content))
