"""Where fetched files are put: as partial files first, in their place once they are whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import LauncherError
from launcher.run.collect.listing import Entry

_PARTIAL = ".partial"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that files come into. A kill at any moment leaves what the next fetch goes on from.

        <target>/LOG0/log.txt            whole: size and SHA-256 are those that its host gave
        <target>/.partial/LOG0/log.txt   the first bytes of what was on its way

    All methods raise OSError.
    """

    target: Path

    def whole(self, entry: Entry) -> Path:
        """Where a file belongs."""
        return self.target / entry.here

    def partial(self, entry: Entry) -> Path:
        """Where its bytes arrive."""
        return self.target / _PARTIAL / entry.here

    def has(self, entry: Entry) -> bool:
        """Whether a file is here, whole."""
        return _is_whole(self.whole(entry), entry)

    def has_another(self, entry: Entry) -> bool:
        """Whether something else is here where a file belongs."""
        return os.path.lexists(self.whole(entry)) and not self.has(entry)

    def prepare(self, entry: Entry, *, afresh: bool = False) -> int:
        """Make ready for a file; how many of its bytes are here: of a fetch cut off, of a log that grew."""
        partial, whole = self.partial(entry), self.whole(entry)
        _make_way(partial, self.target)
        here, before = _size(partial), _size(whole)
        if afresh or here > entry.size:
            partial.unlink(missing_ok=True)
            here = 0
        if not afresh and here < before < entry.size:
            shutil.copyfile(whole, partial)
            here = before
        return here

    def settle(self, entry: Entry) -> bool:
        """Put a file that has arrived in its place; False, and its bytes are gone, where its sum is wrong."""
        partial = self.partial(entry)
        if not _is_whole(partial, entry):
            partial.unlink()
            return False
        _make_way(self.whole(entry), self.target)
        os.replace(partial, self.whole(entry))
        return True

    def make(self, names: Iterable[str]) -> None:
        """Make directories."""
        for name in names:
            (self.target / name).mkdir(parents=True, exist_ok=True)

    def prune(self, names: Iterable[str], keep: Collection[str]) -> None:
        """Remove what is not to be kept of these directories, and their partial files."""
        for name in names:
            for root, directories, files in os.walk(self.target / name, topdown=False):
                paths = [Path(root, each) for each in (*files, *directories)]
                for path in paths:
                    _prune_one(path, str(path.relative_to(self.target)) in keep)
            _remove_tree(self.target / _PARTIAL / name)

    def tidy(self) -> None:
        """Remove the place of partial files once it is empty; for when nothing is fetched any more."""
        partials = self.target / _PARTIAL
        if partials.is_dir() and not any(partials.iterdir()):
            partials.rmdir()


@contextmanager
def local_errors(target: Path) -> Iterator[None]:
    """Errors of this machine's disk become LauncherError."""
    try:
        yield
    except OSError as error:
        raise LauncherError(
            f"{error.filename or target}: nothing can be written here: {error.strerror}",
            hint="what has arrived is kept; once that is put right, collect again",
        ) from error


def _is_whole(path: Path, entry: Entry) -> bool:
    return _size(path) == entry.size and path.is_file() and _sha256(path) == entry.sha256


def _size(path: Path) -> int:
    """Bytes of a regular file; 0 for anything else."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _make_way(path: Path, top: Path) -> None:
    """Directories down to `path`; what is in their way, links too, is from another time."""
    for above in reversed(path.relative_to(top).parents):
        place = top / above
        if place != top and (place.is_symlink() or (place.exists() and not place.is_dir())):
            place.unlink()
        place.mkdir(exist_ok=True)
    if path.is_symlink() or path.is_dir():
        _remove_tree(path)


def _remove_tree(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _prune_one(path: Path, is_kept: bool) -> None:
    """Remove a file that is not kept, or a directory that has become empty."""
    if path.is_dir() and not path.is_symlink():
        if not any(path.iterdir()):
            path.rmdir()
    elif not is_kept:
        path.unlink()
