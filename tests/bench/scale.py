"""How time and memory grow with the number of hosts: real runs of the launcher on hosts that are simulated.

    make bench-scale          (no root; 2 GB of memory at 1,000 hosts)

The hosts are SSH servers in one other process, so a machine with few cores spends about half of the time on
them. A run has one rank a host; it begins with cold connections, idles, and ends when the ranks are told to.
Prints Markdown: medians, and of each the ratio to that of the hosts before.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from launcher.run.events import read_events
from tests.bench.simulated import cluster_of
from tests.place import Place
from tests.ssh_server import write_key

IDLE = 20.0
PATIENCE = 1800.0
TICKS = os.sysconf("SC_CLK_TCK")
BEFORE, AFTER = ("connect", "check", "lock", "bind", "upload", "start"), ("stop", "collect", "unlock")
Figures = dict[str, float]


# ---- the hosts


@contextmanager
def simulated(count: int, path: Path) -> Iterator[tuple[Place, subprocess.Popen[str]]]:
    """A place whose cluster is so many hosts, and the process of those."""
    key, known_hosts = write_key(path / "key"), path / "known_hosts"
    words = ["--count", str(count), "--key", str(key), "--known-hosts", str(known_hosts)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.simulated", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    ports = [int(line) for line in iter(process.stdout.readline, "ready\n")]
    try:
        yield Place(path, cluster_of(ports, key, known_hosts)), process
    finally:
        process.kill()
        process.communicate()


# ---- processes


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


# ---- one run


def measure(count: int) -> Figures:
    """All figures of so many hosts."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path,
        simulated(count, Path(path)) as (place, hosts),
    ):
        job = place.job("true", name="scale", ranks=count)
        try:
            figures = _run(place, job, count, hosts)
            check = Command(place, "check", job, "-c", place.cluster).end()
        except BaseException:
            _tell(place)
            raise
        finally:
            place.end_supervisors()
        return figures | check.figures("`check`")


def _run(place: Place, job: Path, count: int, hosts: subprocess.Popen[str]) -> Figures:
    command = Command(place, "run", job, "-c", place.cluster)
    events = _Events(place)
    events.until(lambda: events.count("supervisor"))
    supervisor = Sampler(place.supervisor_pid(place.only_run()))
    events.until(lambda: events.count("started"))
    cpu, cpu_of_hosts = supervisor.look(), cpu_of(hosts.pid)
    events.until(lambda: events.count("member") >= count)
    before = supervisor.look()
    time.sleep(IDLE)
    idle = supervisor.look() - before
    status = Command(place, "status").end()
    released = time.time()
    print(file=hosts.stdin, flush=True)
    used = command.end()
    supervisor.end()
    seconds = place.result(place.only_run())["seconds"]
    return {
        "from the command to `started`: seconds": events.first("started")["time"] - command.began,
        **{f"of it {name}": seconds[name] for name in BEFORE},
        "supervisor until then: CPU seconds": cpu,
        "simulated hosts until then: CPU seconds": cpu_of_hosts,
        "supervisor while ranks run: CPU, % of a core": 100 * idle / IDLE,
        "from the end of ranks to that of the command: seconds": command.began + used.seconds - released,
        **{f"of it {name}": seconds[name] for name in AFTER},
        "supervisor, all but waiting for ranks: CPU seconds": supervisor.cpu - idle,
        "supervisor: peak MB": supervisor.memory,
        "`run`: CPU seconds": used.cpu,
        "`run`: peak MB": used.memory,
        **status.figures("`status`, while ranks run"),
    }


def _tell(place: Place) -> None:
    """What was said before it went wrong."""
    for path in (place.path / "said", *place.path.glob("runs/*/supervisor.log")):
        print(path.read_text(), file=sys.stderr)


class _Events:
    """Those of the only run of a place, as they come."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._offset = 0
        self._all: list[dict[str, Any]] = []

    def until(self, what: Callable[[], Any]) -> None:
        """Wait until something has become true."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline and not self.count("end"), self._all[-1]
            time.sleep(0.1)
            self._read()

    def count(self, kind: str) -> int:
        """How many of a kind."""
        return sum(event["event"] == kind for event in self._all)

    def first(self, kind: str) -> dict[str, Any]:
        """The first of a kind."""
        return next(event for event in self._all if event["event"] == kind)

    def _read(self) -> None:
        for path in self._place.path.glob("runs/*/events.jsonl"):
            events, self._offset = read_events(path, self._offset)
            self._all += events


# ---- the table


def report(rows: dict[int, list[Figures]]) -> None:
    """Medians and ratios, as Markdown."""
    counts = sorted(rows)
    medians = {
        count: {name: statistics.median(each[name] for each in rows[count]) for name in rows[count][0]}
        for count in counts
    }
    pairs = list(pairwise(counts))
    heads = ["hosts", *map("{:,}".format, counts), *(f"{more:,} : {less:,}" for less, more in pairs)]
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name in medians[counts[0]]:
        values = [_number(medians[count][name]) for count in counts]
        ratios = [_ratio(medians[less][name], medians[more][name]) for less, more in pairs]
        print(f"| {name} | {' | '.join([*values, *ratios])} |")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(less: float, more: float) -> str:
    return "" if less < 0.05 else f"{more / less:.1f}"


def main() -> None:
    """All numbers of hosts in turn, so that a machine that slows down slows all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[125, 250, 500, 1000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    rows: dict[int, list[Figures]] = {count: [] for count in options.hosts}
    for _ in range(options.runs):
        for count in options.hosts:
            rows[count].append(measure(count))
            print(count, json.dumps(rows[count][-1]), file=sys.stderr, flush=True)
    report(rows)
    print(f"\nOpen files allowed: {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}, runs: {options.runs}")


if __name__ == "__main__":
    main()
