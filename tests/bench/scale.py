"""How time and memory grow with the number of hosts: real runs of the launcher on hosts that are simulated.

    make bench-scale          (no root)

The hosts are SSH servers in other processes, so a machine with few cores spends about half of the time on
them. A run has one rank a host; it begins with cold connections, idles, and ends when the ranks are told to.
Prints Markdown: medians, and of each the ratio to that of the hosts before.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from launcher.run.events import read_events
from tests.bench.processes import Command, Figures, Hosts, Sampler
from tests.place import Place

IDLE = 30.0
"""Seconds; two renewals of the lease are in it."""
PATIENCE = 1800.0
BEFORE, AFTER = ("connect", "check", "lock", "bind", "upload", "start"), ("stop", "collect", "unlock")


def measure(count: int) -> Figures:
    """All figures of so many hosts."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path,
        Hosts(count, Path(path)) as hosts,
    ):
        place = Place(Path(path), hosts.cluster)
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


def _run(place: Place, job: Path, count: int, hosts: Hosts) -> Figures:
    command = Command(place, "run", job, "-c", place.cluster)
    events = _Events(place, command)
    events.until(lambda: events.count("supervisor"))
    supervisor = Sampler(place.supervisor_pid(place.only_run()))
    events.until(lambda: events.count("started"))
    cpu, cpu_of_hosts = supervisor.look(), hosts.cpu
    events.until(lambda: events.count("member") >= count)
    events.until(lambda: events.count("clocks") > 1)  # the first renewal looks at them again, others do not
    before = supervisor.look()
    time.sleep(IDLE)
    idle = supervisor.look() - before
    status = Command(place, "status").end()
    released = time.time()
    hosts.end_ranks()
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
    """Those of the only run of a place, as they come while a command follows it."""

    def __init__(self, place: Place, command: Command) -> None:
        self._place = place
        self._command = command
        self._offset = 0
        self._all: list[dict[str, Any]] = []

    def until(self, what: Callable[[], Any]) -> None:
        """Wait until something has become true."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline and not self._command.has_ended, self._all[-1:]
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
