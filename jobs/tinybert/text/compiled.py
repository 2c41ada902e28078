"""Functions compiled by Numba: the compiler set up for short commands, its results kept for the next one.

It is imported before NumPy: one BLAS thread, since starting more costs more than a small corpus does.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, TypeVar

from tinybert.stages.stage import say

Function = TypeVar("Function", bound=Callable[..., Any])
KERNELS = (
    "records/encoding",
    "records/instances",
    "records/twister",
    "text/byte_table",
    "text/flat_corpus",
    "text/known_words",
    "text/scan",
    "text/word_pieces",
)
_PACKAGE = Path(__file__).parents[1]


def compiled(function: Function) -> Function:
    """`function`, compiled at its first call for the types that it gets, and kept."""
    return _njit(cache=True)(_as_of_copy(function))


def compiled_part(function: Function) -> Function:
    """A function that only compiled ones call: it is kept within them."""
    return _njit(no_cpython_wrapper=True)(function)


def compile_once(use_all: Callable[[], None]) -> None:
    """Call `use_all`, which calls all compiled functions; while none are kept, one process at a time."""
    directory = Path(os.environ["NUMBA_CACHE_DIR"])
    with (directory / ".lock").open("w") as lock:
        if _is_cold(directory):
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_cold(directory):  # nobody else has compiled in the meantime
            say(f"compiling for this machine, once (about 8 CPU seconds), into {directory}")
        use_all()


def _is_cold(directory: Path) -> bool:
    return not any(directory.glob("*/*.nbi"))


def cache_directory() -> Path:
    """Where compiled code is kept: TINYBERT_KERNEL_CACHE, the user's cache, or a directory of this process.

    Its last part is the hash of all kernels: Numba looks at a function's own file only, not at what it calls.
    """
    sources = b"".join((_PACKAGE / f"{name}.py").read_bytes() for name in KERNELS)
    name = hashlib.sha256(sources).hexdigest()[:16]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~"), ".cache"), "tinybert")
    directory = Path(os.environ.get("TINYBERT_KERNEL_CACHE") or user, name)
    return directory if _is_writable(directory) else _passing_directory()


def _passing_directory() -> Path:
    directory = tempfile.mkdtemp(prefix="tinybert-kernels-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Path(directory)


def _is_writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def _copy_sources(directory: Path) -> None:
    """All with one time of change: whichever of several processes comes last changes nothing."""
    for name in KERNELS:
        copy = directory / Path(name).with_suffix(".py").name
        if not copy.exists():
            with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
                file.write((_PACKAGE / f"{name}.py").read_bytes())
            os.chmod(file.name, 0o644)
            os.utime(file.name, (0, 0))
            os.replace(file.name, copy)


def _as_of_copy(function: Function) -> Function:
    """`function`, which Numba takes to be defined in the copy.

    It finds what it kept by path and time of that file: so the same code elsewhere, as the snapshot of each
    run is, finds it too.
    """
    copy = Path(os.environ["NUMBA_CACHE_DIR"], Path(function.__code__.co_filename).name)
    function.__code__ = function.__code__.replace(co_filename=str(copy))
    return function


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Modules that Numba imports where they are, which takes long, and runs without."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _without_collections() -> Iterator[None]:
    """What is made in the block stays, so the garbage collector need not look at it, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _import_njit() -> Callable[..., Any]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    directory = cache_directory()
    _copy_sources(directory)
    os.environ["NUMBA_CACHE_DIR"] = str(directory)
    with _without("coverage", "scipy"), _without_collections():
        import numba
        import numba.np.arraymath
    # Without counts of references, as Numba does in its own library: at each call they cost more than what a
    # small function does. So compiled functions allocate nothing.
    return partial(numba.njit, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)


_njit = _import_njit()
