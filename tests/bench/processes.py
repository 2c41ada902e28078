"""Processes that are measured: commands of the launcher, its supervisor, and simulated hosts beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.simulated import cluster_of, port_of
from tests.place import Place
from tests.ssh_server import write_key

IN_ONE = 125
"""Simulated hosts of a process."""
TICKS = os.sysconf("SC_CLK_TCK")
Figures = dict[str, float]
"""By name, as in the table that is printed."""


class Hosts(AbstractContextManager["Hosts"]):
    """Simulated hosts beside us, few in each process: thousands of threads would wait for one another."""

    def __init__(self, count: int, path: Path) -> None:
        self.key = write_key(path / "key")
        self.known_hosts = path / "known_hosts"
        counts = [min(IN_ONE, count - first) for first in range(0, count, IN_ONE)]
        self._processes = [self._start(each) for each in counts]
        said = [list(iter(process.stdout.readline, "ready\n")) for process in self._processes]
        self.known_hosts.write_text("".join(line for lines in said for line in lines))
        ports = [port_of(line) for lines in said for line in lines]
        self.cluster = cluster_of(ports, self.key, self.known_hosts)

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    @property
    def cpu(self) -> float:
        """CPU seconds of all of them so far."""
        return sum(cpu_of(process.pid) for process in self._processes)

    def end_ranks(self) -> None:
        """Let all ranks end well."""
        for process in self._processes:
            print(file=process.stdin, flush=True)

    def _start(self, count: int) -> subprocess.Popen[str]:
        words = ["--count", str(count), "--key", str(self.key)]
        pipe = subprocess.PIPE
        line = [sys.executable, "-m", "tests.bench.simulated", *words]
        return subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True)


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True)
class Used:
    """What a command took: seconds, CPU seconds, and the most MB that it had."""

    seconds: float
    cpu: float
    memory: float

    def figures(self, what: str) -> Figures:
        """As rows of the table."""
        return {
            f"{what}: seconds": self.seconds,
            f"{what}: CPU seconds": self.cpu,
            f"{what}: peak MB": self.memory,
        }


class Command:
    """A command of the launcher on its way."""

    def __init__(self, place: Place, *words: str | Path) -> None:
        self.began = time.time()
        with open(place.path / "said", "ab") as said:
            line = [sys.executable, "-m", "launcher", *map(str, words)]
            self._process = subprocess.Popen(
                line, cwd=place.path, env=place.environ, stdout=said, stderr=said
            )

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more; `end` can still tell what it took."""
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is not None

    def end(self) -> Used:
        """Wait for its end, which must be a good one."""
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        assert self._process.returncode == 0, f"{self._process.args}: {self._process.returncode}"
        return Used(time.time() - self.began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


class Sampler:
    """CPU seconds and peak MB of a process that is not our own child, until it has gone."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.cpu = self.memory = 0.0
        self.look()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def look(self) -> float:
        """CPU seconds so far."""
        self.cpu = cpu_of(self._pid)
        status = Path(f"/proc/{self._pid}/status").read_text()
        if "VmHWM:" in status:  # a zombie has no memory
            self.memory = int(status.partition("VmHWM:")[2].split()[0]) / 1000
        return self.cpu

    def end(self) -> None:
        """Wait until the process has gone."""
        self._thread.join()

    def _follow(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            while True:
                self.look()
                time.sleep(0.1)
