"""Functions compiled by Numba: the compiler set up for short commands, its results kept for the next one.

It is imported before NumPy: one BLAS thread, since starting more costs more than a small corpus does.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, TypeVar

from tinybert.stage import say

Function = TypeVar("Function", bound=Callable[..., Any])
KERNELS = ("twister", "scan", "flat_corpus", "instances", "records")
_HERE = Path(__file__).parent


def compiled(function: Function) -> Function:
    """`function`, compiled at its first call for the types that it gets."""
    return _njit(function)


def say_if_cold() -> None:
    """Say that functions will be compiled first, where none are kept from an earlier time."""
    directory = Path(os.environ["NUMBA_CACHE_DIR"])
    if not any(directory.iterdir()):
        say(f"compiling for this machine, once (about 15 CPU seconds), into {directory}")


def cache_directory() -> Path:
    """Where compiled code is kept: TINYBERT_KERNEL_CACHE, or beside the sources, or the user's cache.

    Where none can be written, a directory for this process alone.

    Its last part is the hash of all kernels: Numba looks at a function's own file only, not at what it calls.
    """
    sources = b"".join((_HERE / f"{name}.py").read_bytes() for name in KERNELS)
    name = hashlib.sha256(sources).hexdigest()[:16]
    given = os.environ.get("TINYBERT_KERNEL_CACHE")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~"), ".cache"), "tinybert")
    for base in [Path(given)] if given else [_HERE / "__pycache__" / "kernels", user]:
        if _is_writable(base / name):
            return base / name
    return Path(tempfile.mkdtemp(prefix="tinybert-kernels-"))


def _is_writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


@contextmanager
def _without_scipy() -> Iterator[None]:
    """Numba runs without SciPy; importing it takes half a second, only to learn its version and BLAS."""
    if "scipy" in sys.modules:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["scipy"]


def _import_njit() -> Callable[..., Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["NUMBA_CACHE_DIR"] = str(cache_directory())
    with _without_scipy():
        import numba
        import numba.np.arraymath
    return numba.njit(cache=True, error_model="numpy")


_njit = _import_njit()
