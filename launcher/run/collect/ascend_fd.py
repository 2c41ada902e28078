"""Collected logs in the layout that Huawei's `ascend-fd parse -i` takes.

    <target>/worker-<n>/             one a host, in the plan's order: ascend-fd parses a host at a time
        rank-<rank>.txt              the end of log.txt
        process_log/                 plog/ of all ranks: debug/plog/plog-<pid>_<time>.log, …
        environment_check/           where ranks have left something there

ascend-fd keeps logs of a host apart by the process id in their names alone. In containers ranks share process
ids; where they do, each gets one of its own.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import UsageError
from launcher.plan.model import HostPlan, Plan
from launcher.run.collect.place import local_errors
from launcher.run.rundir import RunDir

TRAIN_LOG = 1 << 20
"""Bytes of a train log that are read, the last ones."""
PROCESS_LOG = 20_000_000
"""Bytes that a file of CANN's must stay below."""
WHOLE = 5_000_000_000
"""Bytes that all of a host must stay below."""
_NAME = re.compile(r"(plog|device)-(\d{1,10})(_\d{1,20}\.log)")
_PID_DIGITS = 7
"""Linux has no longer ones."""


@dataclass(frozen=True, slots=True)
class Written:
    """A directory for ascend-fd; `workers` are labels of hosts by directory, `notes` what is to be told."""

    path: Path
    workers: dict[str, str]
    notes: tuple[str, ...]


def target_of(directory: RunDir, to: Path | None) -> Path:
    """Where the layout goes. Raises UsageError where something else is there."""
    if to is not None and to.exists():
        raise UsageError(f"{to} is there already", hint="name a directory that is not there yet")
    return directory.path / "ascend-fd" if to is None else to


def write_layout(directory: RunDir, plan: Plan, target: Path) -> Written:
    """Write what has been collected of an attempt; the directory gets its name once all of it is there.

    Raises LauncherError where it cannot be written.
    """
    fresh = target.with_name(f".{target.name}.new")
    notes: list[str] = []
    workers = {f"worker-{number}": host.label for number, host in enumerate(plan.hosts)}
    with local_errors(target):
        _remove(fresh)
        for name, host in zip(workers, plan.hosts, strict=True):
            (fresh / name).mkdir(parents=True)
            notes += [f"{name}: {note}" for note in _write_worker(directory, plan, host, fresh / name)]
        _remove(target)
        fresh.rename(target)
    return Written(target, workers, tuple(notes))


def _write_worker(directory: RunDir, plan: Plan, host: HostPlan, worker: Path) -> list[str]:
    """One host; gives what is to be told about it."""
    ranks = [member.rank for member in plan.members_of(host) if member.rank is not None]
    logs = {rank: directory.log(plan.binding.attempt, str(rank)) for rank in ranks}
    notes = [
        f"nothing has been collected of rank {rank}"
        for rank, log in logs.items()
        if not _copy_train_log(log / "log.txt", worker / f"rank-{rank}.txt")
    ]
    notes += _copy_process_logs(logs, worker / "process_log")
    for log in logs.values():
        if (log / "environment_check").is_dir():
            shutil.copytree(log / "environment_check", worker / "environment_check", dirs_exist_ok=True)
    if sum(path.stat().st_size for path in worker.rglob("*")) > WHOLE:
        notes.append(f"larger than the {WHOLE // 10**9} GB that ascend-fd takes")
    return notes


def _copy_train_log(source: Path, target: Path) -> bool:
    if source.is_file():
        _copy_ends(source, target, 0, TRAIN_LOG)
    return source.is_file()


def _copy_process_logs(logs: dict[int, Path], target: Path) -> list[str]:
    files = {rank: _process_logs(log / "plog") for rank, log in logs.items()}
    owners = Counter(pid for paths in files.values() for pid in {_pid(path) for path in paths})
    notes = []
    for number, (rank, paths) in enumerate(files.items(), 1):
        for path in paths:
            pid = _pid(path)
            fresh = pid if owners[pid] == 1 else f"{number}{pid:0>{_PID_DIGITS}}"
            place = target / path.parent.relative_to(logs[rank] / "plog")
            place.mkdir(parents=True, exist_ok=True)
            name = _NAME.sub(rf"\g<1>-{fresh}\g<3>", path.name)
            if _copy_ends(path, place / name, PROCESS_LOG // 2, PROCESS_LOG // 2):
                notes.append(f"rank {rank}: {path.name} is cut in its middle: ascend-fd takes 20 MB")
    return notes


def _process_logs(directory: Path) -> Sequence[Path]:
    """Files of CANN whose names ascend-fd knows."""
    return sorted(path for path in directory.rglob("*.log") if path.is_file() and _NAME.fullmatch(path.name))


def _pid(path: Path) -> str:
    return path.name.partition("-")[2].partition("_")[0]


def _copy_ends(source: Path, target: Path, head: int, tail: int) -> bool:
    """Copy a file; of one larger than both ends only these, by whole lines. Whether that was so."""
    size = source.stat().st_size
    if size <= head + tail:
        shutil.copyfile(source, target)
        return False
    with open(source, "rb") as whole, open(target, "wb") as ends:
        first, newline, _ = whole.read(head).rpartition(b"\n")
        ends.write(first + newline)
        whole.seek(size - tail)
        ends.write(whole.read(tail).partition(b"\n")[2])
    return True


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
