"""The images that every host has, in the data root of a Docker engine that ran only to make them.

It lies in the cache under a key of all that it is made from. Whoever uses it holds a shared lock, so that one
with an old key goes only when nobody uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.images.engine import Docker, engine

SMALL = "launcher-test/small"
"""POSIX shell, coreutils, Python: containers start fast."""
CPU = "launcher/cpu:test"
"""MindSpore and all else that jobs need."""

CACHE = Path(os.environ.get("LAUNCHER_TEST_CACHE", "/var/cache/launcher-test"))
_HERE = Path(__file__).parent
_CPU_CONTEXT = Path(__file__).parents[3] / "images" / "cpu"
_BASE = _HERE / "base.sh"
_PIP = ("PIP_DEFAULT_TIMEOUT", "PIP_INDEX_URL")
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@contextmanager
def golden() -> Iterator[Path]:
    """The data root; it stays as long as the context."""
    images = CACHE / "images"
    images.mkdir(parents=True, exist_ok=True)
    root = images / _key()
    with locked(images / "lock"):
        lock = (images / f"{root.name}.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_SH)
        _remove_old(images, root)
        if not root.exists():
            _make(root)
    with lock:
        yield root


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a lock on a file and hold it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock on a file, or nothing when somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _key() -> str:
    packages = subprocess.run([_BASE, "packages"], check=True, stdout=subprocess.PIPE).stdout
    files = sorted(path for path in (*_CPU_CONTEXT.rglob("*"), *_HERE.glob("*.*")) if path.is_file())
    digest = hashlib.sha256(packages)
    for file in files:
        digest.update(b"%s\0%s\0" % (file.name.encode(), file.read_bytes()))
    return digest.hexdigest()[:16]


def _remove_old(images: Path, root: Path) -> None:
    """Builds that were killed half-way, and data roots of other keys that nobody uses."""
    for path in images.glob("*.part"):
        shutil.rmtree(path, ignore_errors=True)
    for path in images.glob("*.lock"):
        if path.stem != root.name and (descriptor := try_lock(path)) is not None:
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink()
            os.close(descriptor)


def _make(root: Path) -> None:
    """Whole or not at all."""
    part = Path(tempfile.mkdtemp(dir=root.parent, suffix=".part"))
    with engine(part) as docker:
        _import_small(docker)
        docker("build", "--network=host", f"--build-arg=BASE={SMALL}", f"--tag={CPU}", str(_CPU_CONTEXT))
    part.rename(root)


def _import_small(docker: Docker) -> None:
    settings = [f"{name}={os.environ[name]}" for name in _PIP if name in os.environ]
    changes = [f"--change=ENV {setting}" for setting in (f"PIP_CERT={_AUTHORITIES}", *settings)]
    with subprocess.Popen([_BASE, "tar"], stdout=subprocess.PIPE) as base:
        docker("import", *changes, "-", SMALL, stdin=base.stdout)
    if base.returncode:
        raise RuntimeError(f"{_BASE} ended with {base.returncode}")
