"""Hosts for tests: what tests/cluster/testbed can do, as methods."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONTROL = Path(__file__).parent / "testbed" / "testbed.sh"
PATIENCE = 120.0

_LEFTOVERS = """
docker ps --all --filter label=launcher.run --format 'container {{.Names}}' 2>/dev/null
ls -d /var/tmp/launcher-locks/* /dev/shm/launcher-*/* 2>/dev/null
for file in $(grep -lsz '^LAUNCHER_RUN=' /proc/[0-9]*/environ); do
    echo "process ${file%/environ} $(tr '\\0' ' ' <"${file%environ}cmdline")"
done
true
"""


class Testbed:
    """Hosts h1..hN, in one state directory."""

    __test__ = False
    port = 22

    def __init__(self, path: Path, *, prefix: str, golden: Path | None = None, sshd: str = "") -> None:
        self.path = path
        self.environ = {
            **os.environ,
            "TB_DIR": str(path),
            "TB_PREFIX": prefix,
            "TB_GOLDEN": str(golden or ""),
            "TB_SSHD": sshd,
        }
        self.key = path / "id"
        self.known_hosts = path / "known_hosts"
        self.ssh_config = path / "ssh_config"

    def control(self, command: str, *words: str | int) -> str:
        """A command of testbed.sh; its output."""
        done = subprocess.run(
            [CONTROL, command, *map(str, words)],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode:
            raise RuntimeError(f"testbed.sh {command} {words}: code {done.returncode}\n{done.stderr}")
        return done.stdout

    # ---- which hosts there are

    def up(self, hosts: int) -> None:
        """So many hosts at least."""
        self.control("up", hosts)

    def down(self) -> None:
        """No host, nothing of them."""
        self.control("down")

    @property
    def addresses(self) -> dict[str, str]:
        """Address of each host, by name."""
        lines = self.control("status").splitlines()
        return {name: address for name, address, *_ in map(str.split, lines)}

    @property
    def machine(self) -> str:
        """Address of this machine on the hosts' network."""
        return next(iter(self.addresses.values())).rpartition(".")[0] + ".1"

    def address6(self, host: str) -> str:
        """Its IPv6 address."""
        first, second, third, last = self.addresses[host].split(".")
        return f"fd00:{first}:{second}:{third}::{last}"

    # ---- what tests do on hosts

    def exec(self, host: str, script: str, *, check: bool = True, timeout: float = PATIENCE) -> str:
        """Output of a shell script run on a host as root, not through SSH."""
        done = subprocess.run(
            [CONTROL, "exec", _number(host), "sh", "-c", script],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise RuntimeError(f"{host}: {script}: code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ssh(
        self, host: str, script: str, *, user: str = "root", options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """A shell script through OpenSSH, which knows the host's key and takes no other."""
        strict = ["-F", str(self.ssh_config), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        return subprocess.run(
            ["ssh", *strict, *options, f"{user}@{host}", script],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def leftovers(self, host: str) -> list[str]:
        """What runs left on a host: containers, locks, secrets, processes."""
        return self.exec(host, _LEFTOVERS).splitlines()

    # ---- faults and their ends

    def cut(self, host: str) -> None:
        """Unplug the network: packets vanish."""
        self.control("cut", _number(host))

    def heal(self, host: str) -> None:
        """Plug it in again."""
        self.control("heal", _number(host))

    def kill(self, host: str) -> None:
        """Cut the power."""
        self.control("kill", _number(host))

    def start(self, host: str) -> None:
        """Power on; the disk is as it was."""
        self.control("start", _number(host))

    def freeze(self, host: str) -> None:
        """Hang the whole host."""
        self.control("freeze", _number(host))

    def thaw(self, host: str) -> None:
        """Let it go on."""
        self.control("thaw", _number(host))

    def drop(self, host: str, percent: float) -> None:
        """Lose packets on their way to the host."""
        self.control("drop", _number(host), str(percent))

    def slow(self, host: str, rate: str) -> None:
        """Limit the bandwidth to the host, `1mbit`."""
        self.control("slow", _number(host), rate)

    def clear(self, host: str) -> None:
        """End `drop` and `slow`."""
        self.control("clear", _number(host))

    def fill_disk(self, host: str, size: str = "256k") -> None:
        """/var/tmp becomes a file system of this size, empty."""
        self.control("fill", _number(host), size)

    def empty_disk(self, host: str) -> None:
        """/var/tmp is the disk again."""
        self.control("empty", _number(host))

    def stop_docker(self, host: str, signal: str = "TERM") -> None:
        """End the engine; TERM ends its containers, KILL leaves them running."""
        self.control("docker-stop", _number(host), signal)

    def start_docker(self, host: str) -> None:
        """Start it again."""
        self.control("docker-start", _number(host))

    def change_host_key(self, host: str) -> None:
        """Sshd shows another key than known_hosts has."""
        self.control("rekey", _number(host))

    def restore_host_key(self, host: str) -> None:
        """The known key again."""
        self.control("unrekey", _number(host))

    def network_of(self, host: str) -> tuple[str, ...]:
        """Words before a command of this machine that is to use a host's network."""
        return ("nsenter", f"--net=/run/netns/{self.environ['TB_PREFIX']}-{host}")

    def mend(self) -> None:
        """Every host as a test expects it: on, reachable, without faults and without anything of any run."""
        self.control("mend")

    # ---- what the launcher is told of them

    def ssh_facts(self, user: str = "root") -> dict[str, str]:
        """`ssh` of a cluster file."""
        return {"user": user, "key": str(self.key), "known_hosts": str(self.known_hosts)}

    def cluster(self, *hosts: str, user: str = "root", device: str = "cpu", **more: Any) -> dict[str, Any]:
        """A cluster file of some hosts, all when none is named."""
        addresses = self.addresses
        return {
            "schema": 1,
            "name": "testbed",
            "device": device,
            "runtime": "docker",
            "devices": "0-3",
            "ssh": self.ssh_facts(user),
            "hosts": [_host(name, addresses[name]) for name in hosts or addresses],
            **more,
        }


def fake(bed: Testbed, host: str, **files: str) -> None:
    """Faults and forms of the fake NPUs of a host, by file; `mend` removes them."""
    for name, content in files.items():
        path = shlex.quote(f"/etc/fake-npu/{name}")
        bed.exec(host, f"mkdir -p /etc/fake-npu && printf '%s\\n' {shlex.quote(content)} >{path}")


def _host(name: str, address: str) -> dict[str, str]:
    return {"address": address, "name": name, "host_ip": address}


def _number(host: str) -> str:
    return host.removeprefix("h")
