"""Which part of the work is this process's, where a stage without MindSpore runs on several ranks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tinybert.stages.stage import StageError, say

Item = TypeVar("Item")


def share_of(items: Sequence[Item], env: Mapping[str, str] = os.environ) -> list[Item]:
    """Every RANK_SIZE-th of `items`, from number RANK_ID on; all of them where no launcher set these.

    Raises StageError where the two do not fit together.
    """
    rank, size = rank_and_size(env)
    return list(items[rank::size])


def rank_and_size(env: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """RANK_ID and RANK_SIZE, or 0 and 1. Raises StageError where they are no numbers or do not fit."""
    names = {"RANK_ID": env.get("RANK_ID") or "0", "RANK_SIZE": env.get("RANK_SIZE") or "1"}
    for name, text in names.items():
        if not text.isdecimal():
            raise StageError(f"{name} is {text!r}: it must be a whole number")
    rank, size = map(int, names.values())
    if rank >= size:
        raise StageError(f"RANK_ID is {rank}, but RANK_SIZE is {size}")
    if env.get("MS_ROLE") == "MS_SCHED":
        raise StageError("this stage needs no scheduler: give the job launch: none")
    return rank, size


@contextmanager
def one_rank_at_a_time(directory: Path) -> Iterator[None]:
    """Let one rank in, of those that share a directory, also over NFS; a rank that dies lets go."""
    with (directory / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another rank, which holds {lock.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
