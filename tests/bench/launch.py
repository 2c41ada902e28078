"""Start of 64 containers on 8 hosts: the launcher against OpenSSH and against Ansible, in one run.

    make bench-launch          (root: the hosts are made on this machine, as for `make test-cluster`)

Ansible's module for containers needs Debian's python3-requests on hosts, which see this machine's programs.
Connections are cold, image and code are there. The launcher is timed from the command to the event `started`,
with its check; the others until their last `docker run` has returned. Prints Markdown.
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
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shlex import join
from typing import Any

from launcher.plan import store
from launcher.plan.containers import docker_words
from launcher.plan.model import Plan
from tests.bench.plays import COMMAND, MODULE, options_of, play
from tests.cluster.bed import Testbed
from tests.cluster.conftest import ClusterPlace
from tests.cluster.images.golden import golden
from tests.cluster.slots import free_bed

IDLE = 30.0
FAIL = """
for process in /proc/[0-9]*; do
    [ "$(tr '\\0' ' ' <$process/cmdline)" = 'sleep 600 ' ] || continue
    tr '\\0' '\\n' <$process/environ | grep -qx LAUNCHER_RANK={rank} && kill ${{process#/proc/}}
done
true
"""
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Bench:
    """A place on hosts of its own, with a job whose code is there already."""

    def __init__(self, path: Path, bed: Testbed, hosts: int, devices: int) -> None:
        self.bed = bed
        self.place = ClusterPlace(path, bed)
        self.place.patience = 300
        self.place.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed launcher is compiled
        self.ranks = hosts * devices
        self.hosts = [f"h{number}" for number in range(1, hosts + 1)]
        self.place.use(*self.hosts, devices=f"0-{devices - 1}")
        (path / "code").mkdir()
        (path / "code" / "train.py").write_text("print()\n")
        self.volumes = {"code": {"source": str(path / "code"), "target": "/code"}}
        self.job = self.place.job("exec sleep 600", name="bench", ranks=self.ranks, volumes=self.volumes)
        self.plan = self._warm_up()

    def _warm_up(self) -> Plan:
        """A run that ends by itself leaves code, directories and scripts; gives its plan."""
        job = self.place.job("sleep 1", name="warm", ranks=self.ranks, volumes=self.volumes)
        done = self.place.run(job)
        assert done.returncode == 0, done.stderr
        path = self.place.directory(self.place.only_run()) / "attempt-1" / "plan.json"
        return store.from_json(path.read_bytes(), str(path))

    # ---- the launcher

    def launcher(self) -> dict[str, float]:
        """Seconds until all have started, CPU milliseconds a rank until then, CPU while idle in percent."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.time()
        run = self.place.detached(self.job)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = self._started(run)
        pid = self.place.supervisor_pid(run)
        cpu = cpu_of(pid) + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.place.until_running(run, self.ranks)
        idle = cpu_of(pid)
        time.sleep(IDLE)
        idle = (cpu_of(pid) - idle) / IDLE
        fall = self._fail_one(run)
        phases = self.place.result(run)["seconds"]
        shown = {
            name: phases[name] for name in ("connect", "check", "lock", "bind", "upload", "create", "start")
        }
        return {
            "seconds": started["time"] - began,
            "cpu": 1000 * cpu / self.ranks,
            "idle": 100 * idle,
            "fall": fall,
            "command": started["time"] - began - sum(shown.values()),
            **shown,
        }

    def _started(self, run: str) -> dict[str, Any]:
        """The event that all have started. Raises RuntimeError where the run ends before."""

        def event() -> dict[str, Any] | None:
            events = self.place.events(run)
            if any(each["event"] == "end" for each in events):
                raise RuntimeError(f"the run has ended: {events}")
            return next((each for each in events if each["event"] == "started"), None)

        return dict(self.place.wait_for(event))

    def _fail_one(self, run: str) -> float:
        """End the command of one rank; seconds from its end to that of the last of all others."""
        rank = self.ranks // 2
        host = self.plan.members[rank].host
        self.bed.exec(host, FAIL.format(rank=rank))
        self.place.launcher("wait", run)
        attempt = self.place.result(run)["attempts"][0]
        assert attempt["failure"]["key"] == str(rank)
        return float(max(each["ended"] for each in attempt["members"]) - attempt["failure"]["ended"])

    # ---- OpenSSH: one master connection a host, all `docker run` at once

    def openssh(self) -> dict[str, float]:
        """Seconds until the last `docker run` has returned, and of connecting among them."""
        began = time.monotonic()
        with ThreadPoolExecutor(self.ranks) as pool:
            list(pool.map(lambda host: self._ssh(host, "true", "-fN"), self.hosts))
            connected = time.monotonic()
            list(pool.map(lambda pair: self._ssh(pair[0], pair[1]), self.commands("ssh")))
        ended = time.monotonic()
        for host in self.hosts:
            self._ssh(host, "", "-O", "exit")
        self._remove("ssh")
        return {"seconds": ended - began, "connect": connected - began}

    def _ssh(self, host: str, command: str, *options: str) -> None:
        control = (
            "-o",
            f"ControlPath={self.place.path}/%n",
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=60",
        )
        words = ["ssh", "-F", str(self.bed.ssh_config), *control, *options, f"root@{host}"]
        subprocess.run(
            [*words, *([command] if command and "-fN" not in options else [])],
            check=True,
            capture_output=True,
        )

    def commands(self, prefix: str) -> list[tuple[str, Any]]:
        """Host and `docker run` line of each container, under other names."""
        lines = []
        for member in self.plan.members:
            assert member.container is not None
            words = join(docker_words(member.container)).replace(
                f"--name={member.container.name}", f"--name={prefix}-{member.key}"
            )
            lines.append((member.host, words))
        return lines

    def _remove(self, prefix: str) -> None:
        for host in self.hosts:
            self.bed.exec(
                host, f"docker rm --force $(docker ps --all --quiet --filter name={prefix}-) >/dev/null"
            )

    # ---- Ansible

    def ansible(self) -> dict[str, float]:
        """By its module for containers, with its defaults: five forks, a file copied for each task."""
        return self._play(MODULE, self._specs(), {})

    def ansible_command(self) -> dict[str, float]:
        """The lines of `docker run` as commands, with its defaults."""
        return self._play(COMMAND, self.commands("ansible"), {})

    def ansible_tuned(self) -> dict[str, float]:
        """The lines of `docker run` as commands, all hosts at once, and nothing copied."""
        tuned = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": str(len(self.hosts))}
        return self._play(COMMAND, self.commands("ansible"), tuned)

    def _specs(self) -> list[tuple[str, Any]]:
        members = [(each.host, each.container) for each in self.plan.members if each.container]
        return [(host, options_of(spec, name=f"ansible-{spec.name}")) for host, spec in members]

    def _play(
        self, task: dict[str, Any], items: list[tuple[str, Any]], settings: dict[str, str]
    ) -> dict[str, float]:
        seconds = play(self.place.path, self.bed.ssh_config, task, items, settings)
        self._remove("ansible")
        return {"seconds": seconds}


def report(rows: dict[str, list[dict[str, float]]], hosts: int, ranks: int) -> None:
    """Medians and ratios, as Markdown."""
    median = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in rows.items()
    }
    base = median["openssh"]["seconds"]
    print(f"\n| {ranks} containers on {hosts} hosts | seconds: each run | median | against OpenSSH |")
    print("|---|---|---|---|")
    for name, runs in rows.items():
        each = ", ".join(f"{run['seconds']:.2f}" for run in runs)
        print(f"| {name} | {each} | {median[name]['seconds']:.2f} | {median[name]['seconds'] / base:.2f} |")
    launcher = median["launcher"]
    phases = {key: value for key, value in launcher.items() if key not in ("seconds", "cpu", "idle", "fall")}
    print(
        "\nPhases of the launcher, seconds: "
        + ", ".join(f"{key} {value:.2f}" for key, value in phases.items())
    )
    print(f"OpenSSH connects in {median['openssh']['connect']:.2f} s")
    for name in ("ansible", "ansible_command", "ansible_tuned"):
        if name in median:
            print(f"Against {name}: {launcher['seconds'] / median[name]['seconds']:.2f}")
    print(f"From the first failed rank to the last of {ranks} gone: {launcher['fall']:.2f} s")
    print(f"CPU of the launcher: {launcher['cpu']:.1f} ms a rank until all have started")
    print(f"CPU of the launcher while {ranks} ranks idle: {launcher['idle']:.2f} % of a core\n")


def main() -> None:
    """In turn, so that a machine that slows down slows all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--devices", type=int, default=8, help="of each host")
    parser.add_argument(
        "--only",
        default="launcher,openssh,ansible,ansible_command,ansible_tuned",
        help="openssh is among them",
    )
    options = parser.parse_args()
    with golden() as root, free_bed(root) as bed, tempfile.TemporaryDirectory() as path:
        bed.up(options.hosts)
        bench = Bench(Path(path), bed, options.hosts, options.devices)
        methods: dict[str, Callable[[], dict[str, float]]] = {
            name: getattr(bench, name) for name in options.only.split(",")
        }
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
        for _ in range(options.runs):
            for name, method in methods.items():
                rows[name].append(method())
                print(name, json.dumps(rows[name][-1]), file=sys.stderr, flush=True)
        report(rows, options.hosts, bench.ranks)
        bench.place.end_supervisors()


if __name__ == "__main__":
    main()
