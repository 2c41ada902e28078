"""Who supervises a run: an epoch on each host, which only grows, and an owner that renews it."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from launcher.hosts import Host
from launcher.hosts.fence import checked
from launcher.remote import script

FRESH = 60.0
"""Seconds after a renewal in which a lease is not taken without --take-over."""
RENEWAL = 15.0
"""Seconds between renewals."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as a host shows it; epoch 0 where there is none. `age` in seconds by that host's clock."""

    epoch: int
    age: float
    owner: str

    @property
    def is_fresh(self) -> bool:
        """Whether its owner may still act: renewed lately, and not known to be dead."""
        return self.epoch > 0 and self.owner != "" and self.age < FRESH and not owner_is_dead(self.owner)


def this_owner() -> str:
    """A text that names this process for good: user, machine, pid, its start, the machine's boot, and where
    that pid counts: containers of one machine have pids of their own.
    """
    who = f"{_user()}@{socket.gethostname()}"
    return f"{who} {os.getpid()} {_start_time(os.getpid())} {_BOOT_ID.read_text().strip()} {_pids()}"


def owner_is_dead(owner: str) -> bool:
    """Whether the owner was a process that runs no more; False for those that cannot be seen from here."""
    fields = owner.split()
    if len(fields) != 5 or not fields[1].isdigit() or fields[3:] != [_BOOT_ID.read_text().strip(), _pids()]:
        return False
    return _start_time(int(fields[1])) != fields[2]


def show(host: Host, run_dir: str) -> Lease:
    """The lease on a host."""
    fields = checked(host, script("show_lease"), run_dir).out.split(maxsplit=2)
    return Lease(int(fields[0]), float(fields[1]), fields[2].strip() if len(fields) > 2 else "")


def take(host: Host, run_dir: str, epoch: int, owner: str, runtime: str) -> None:
    """Claim the lease of a run. Raises Fenced where a host has that epoch or a later one.

    `runtime` is how ranks run there (`Plan.runtime_on`): who meets the run later, without reading its plan,
    knows by it whom to ask for them.
    """
    checked(host, script("take_lease"), run_dir, str(epoch), owner, runtime)


def _pids() -> str:
    return os.readlink("/proc/self/ns/pid")


def _user() -> str:
    """Login name, or the number of a user that has none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return str(os.getuid())


def _start_time(pid: int) -> str | None:
    """Field 22 of /proc/<pid>/stat; None when there is no such process, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
