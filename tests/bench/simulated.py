"""Hosts that are SSH servers and nothing else: each script of the launcher gets the answer of a well host.

    python -m tests.bench.simulated --count 100 --key KEY

runs them in a process of their own. It prints their lines of known_hosts, then `ready`; ranks run until
a line comes on standard input, hosts until that ends.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import logging
import resource
import shlex
import sys
import threading
import time
from importlib.resources import files
from pathlib import Path

import paramiko

from launcher.hosts.command import ANNOUNCE, ANNOUNCED
from tests import fakes
from tests.ssh_server import CHUNK, SshServers

COMMON = (files("launcher.remote") / "common.sh").read_text("utf-8")
BEAT = 2.0
"""Seconds between two words of a stream, about those of watch.sh."""
LOG = b"all is well\n"
ROW = f"{hashlib.sha256(LOG).hexdigest()} {len(LOG)}"
CHECK = {"work_dir": "/w", "refusal": "", "file_system": "xfs", "disk": 10**12, "cores": 192}
CHECK |= {"setsid": "/usr/bin/setsid", "memory": 10**12, "uid": 7, "user": "me", "machine": "aarch64"}
CHECK |= {"startups": 10, "selinux": "", "selinux_context": "", "ephemeral": "32768 60999", "reserved": ""}
WELL = {
    **fakes.WELL,
    "check": "".join(f"{name} {value}\n" for name, value in CHECK.items()),
    "free_port": "20000\n",
    **dict.fromkeys(("nothing", "runs"), ""),
}
"""What is said to scripts that always say the same."""


def read_script(text: str) -> tuple[str, list[str]]:
    """Name and words of a script as it was sent. Raises ValueError, KeyError for another one."""
    text = text.replace(ANNOUNCE, "")
    if text == "set -- \n:":
        return "nothing", []
    at = text.index(COMMON)
    words = text[:at].removeprefix("set -- ").removesuffix("exec 2>/dev/null\n")
    return fakes.NAMES[text[at:]], shlex.split(words)


class Well:
    """What all hosts answer, by WELL or by a method `_<script>`; ranks run until `over` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._pids = itertools.count(2)

    def __call__(self, command: str, channel: paramiko.Channel) -> int:
        """As a handler of `SshServers`."""
        text = fakes.unpacked(command)
        name, words = read_script(text)
        if ANNOUNCE in text:
            channel.sendall(ANNOUNCED.encode())
        answer = getattr(self, f"_{name}", None)
        if answer is None:
            channel.sendall(WELL[name].encode())
        else:
            answer(channel, *words)
        return 0

    def _clock(self, channel: paramiko.Channel) -> None:
        channel.sendall(f"{time.time()}\n".encode())

    def _put(self, channel: paramiko.Channel, *words: str) -> None:
        while channel.recv(CHUNK):
            pass

    _unpack = _put

    def _watch(self, channel: paramiko.Channel, state: str, nap: str, *keys: str) -> None:
        channel.sendall("".join(f"running {key} {next(self._pids)}\n" for key in keys).encode())
        self._beat(channel)
        channel.sendall("".join(f"end {key} 0 {time.time()} own \n" for key in keys).encode())

    def _logs(self, channel: paramiko.Channel, directory: str, nap: str, follow: str, *starts: str) -> None:
        self._beat(channel)
        for key, start in zip(starts[::2], starts[1::2], strict=True):
            new = LOG[int(start) :]
            channel.sendall(f"{key} {start} {len(new)}\n".encode() + new)
        channel.sendall(b"over\n")

    def _last_lines(self, channel: paramiko.Channel, *paths: str) -> None:
        channel.sendall(b"\n" * len(paths))

    def _manifest(self, channel: paramiko.Channel, directory: str, *names: str) -> None:
        logs = [name for name in names if name.startswith("LOG")]
        channel.sendall("".join(f"directory {name}\n" for name in names).encode())
        channel.sendall("".join(f"{ROW} {name}/log.txt\n" for name in logs).encode())

    def _fetch(self, channel: paramiko.Channel, directory: str, *pieces: str) -> None:
        starts = map(int, pieces[::3])
        channel.sendall(gzip.compress(b"".join(LOG[start - 1 :] for start in starts)))

    def _beat(self, channel: paramiko.Channel) -> None:
        """Say that nothing is new until ranks end."""
        while not channel.closed:
            channel.sendall(b"beat\n")
            if self.over.wait(BEAT):
                return


def port_of(line: str) -> int:
    """The port in a line of a known_hosts file."""
    return int(line.partition(" ")[0].rpartition(":")[2])


def cluster_of(ports: list[int], key: Path, known_hosts: Path) -> dict[str, object]:
    """A cluster file of one CPU host at each port."""
    hosts = [
        {
            "address": "127.0.0.1",
            "name": f"n{number:04}",
            "host_ip": f"198.18.{number // 256}.{number % 256}",
            "ssh": {"port": port},
        }
        for number, port in enumerate(ports)
    ]
    return {
        "schema": 1,
        "name": "simulated",
        "device": "cpu",
        "runtime": "process",
        "devices": "0",
        "work_dir": "/w",
        "ssh": {"user": "ann", "key": str(key), "known_hosts": str(known_hosts)},
        "hosts": hosts,
    }


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    logging.getLogger("tests.ssh_server").setLevel(logging.CRITICAL)  # clients may hang up
    well = Well()
    with SshServers(options.count, options.key, well) as servers:
        print(servers.known_hosts(), end="ready\n", flush=True)
        sys.stdin.readline()
        well.over.set()
        sys.stdin.read()


if __name__ == "__main__":
    main()
