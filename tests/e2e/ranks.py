"""Processes as the launcher starts them for two ranks: environment variables, and a scheduler beside them."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
SECONDS = 240


def environment(log_dir: Path, **more: str) -> dict[str, str]:
    """Of one process, whatever surrounds the tests."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MS_", "RANK_", "DEVICE_"))
    }
    return {**kept, "PYTHONPATH": str(JOBS), "LAUNCHER_LOG_DIR": str(log_dir), **more}


@contextmanager
def two_ranks(command: list[str], log_dir: Path) -> Iterator[list[subprocess.Popen]]:
    """Scheduler, rank 0 and rank 1; whatever is left of them at the end is killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    cluster = {"MS_WORKER_NUM": "2", "MS_SCHED_HOST": "127.0.0.1", "MS_SCHED_PORT": port}
    roles = [{"MS_ROLE": "MS_SCHED"}]
    roles += [
        {
            "MS_ROLE": "MS_WORKER",
            "MS_NODE_ID": str(i),
            "RANK_ID": str(i),
            "RANK_SIZE": "2",
            "DEVICE_ID": str(i),
        }
        for i in range(2)
    ]
    processes = []
    try:
        for name, role in zip(("LOG_SCHED", "LOG0", "LOG1"), roles, strict=True):
            processes.append(subprocess.Popen(command, env=environment(log_dir / name, **cluster, **role)))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run_on_two_ranks(command: list[str], log_dir: Path) -> list[int]:
    """Exit codes of scheduler, rank 0 and rank 1."""
    with two_ranks(command, log_dir) as processes:
        return [process.wait(SECONDS) for process in processes]
