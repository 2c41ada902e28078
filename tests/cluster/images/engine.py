"""A Docker engine for a while, beside whatever engine the machine has."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

STARTS_IN = 60.0


class Docker:
    """The client of one engine."""

    def __init__(self, run: Path) -> None:
        self.environ = {
            **os.environ,
            "DOCKER_HOST": f"unix://{run}/docker.sock",
            "DOCKER_CONFIG": str(run),
            "DOCKER_BUILDKIT": "0",  # Debian's client has no BuildKit
        }

    def __call__(self, *words: str, stdin: IO[Any] | None = None) -> None:
        """Run a command of the client; what it prints goes to standard error."""
        subprocess.run(["docker", *words], check=True, env=self.environ, stdin=stdin, stdout=2)

    def answers(self) -> bool:
        """Whether the engine is there."""
        asked = subprocess.run(["docker", "version"], env=self.environ, capture_output=True)
        return asked.returncode == 0


@contextmanager
def engine(root: Path) -> Iterator[Docker]:
    """An engine with this data root, which ends with this process at the latest."""
    with tempfile.TemporaryDirectory(prefix="launcher-test-") as name:
        run = Path(name)
        (run / "daemon.json").write_text("{}")
        with (run / "log").open("w") as log:
            process = subprocess.Popen(_command(root, run), stdout=log, stderr=log)
        try:
            yield _started(process, run)
        finally:
            process.terminate()
            process.wait()
            for group in _groups(run):
                group.rmdir()


def _groups(run: Path) -> list[Path]:
    """Control groups that the engine's containers were in."""
    return list(Path("/sys/fs/cgroup").glob(f"*/{run.name}"))


def _command(root: Path, run: Path) -> list[str]:
    """With mounts of its own, so that none is left however it ends."""
    options = {
        "config-file": run / "daemon.json",
        "data-root": root,
        "exec-root": run / "exec",
        "pidfile": run / "pid",
        "host": f"unix://{run}/docker.sock",
        "cgroup-parent": f"/{run.name}",
        "storage-driver": "overlay2",
        "bridge": "none",
        "iptables": "false",
        "ip6tables": "false",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return ["setpriv", "--pdeathsig", "TERM", "unshare", "--mount", "dockerd", *words]


def _started(process: subprocess.Popen[bytes], run: Path) -> Docker:
    docker = Docker(run)
    deadline = time.monotonic() + STARTS_IN
    while not docker.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the engine did not start:\n{(run / 'log').read_text()[-2000:]}")
        time.sleep(0.1)
    return docker
