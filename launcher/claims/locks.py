"""Device locks on a host: directories that other users see, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from launcher.errors import DevicesHeld
from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import FENCED, Fenced, checked
from launcher.plan.layout import LOCKS
from launcher.plan.model import HostPlan
from launcher.remote import script

_HELD = 76
_DIGITS = 10
"""Of seconds since 1970, until the year 2286."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a device."""

    name: str
    run: str
    since: float
    owner: str

    def __str__(self) -> str:
        return describe([self])


def describe(holders: Sequence[Holder]) -> str:
    """What each run holds, in words; the time is that of its first device."""
    by_run: dict[tuple[str, str], list[Holder]] = {}
    for holder in holders:
        by_run.setdefault((holder.run, holder.owner.split()[0]), []).append(holder)
    return "; ".join(
        f"{', '.join(each.name for each in held)} {'is' if len(held) == 1 else 'are'} held by run {run} of "
        f"{owner} since {datetime.fromtimestamp(min(each.since for each in held)):%Y-%m-%d %H:%M:%S}"
        for (run, owner), held in by_run.items()
    )


def acquire(host: Host, part: HostPlan, epoch: int, run: str, owner: str) -> None:
    """Take all locks of a host, or none. Raises DevicesHeld naming each holder, Fenced, RemoteError."""
    words = (part.run_dir, str(epoch), LOCKS, run, owner, *part.locks)
    done = host.run(script("lock"), *words)
    if done.code == _HELD:
        held, _, left = done.out.partition("\nleft ")
        raise DevicesHeld(f"host {host.label}: {describe(parse_holders(held))}", hint=_hint(left.strip()))
    if done.code:
        error = Fenced if done.code == FENCED else RemoteError
        raise error(f"host {host.label}: {done.err.strip()}")


def how_to_remove(left: str) -> str:
    """What can be done about stale locks of other users, by their paths: the directory is sticky."""
    return (
        "no rank of that run was seen, and its locks are another user's: "
        f"if it is over, on the host, as root, rm -rf {left}"
    )


def _hint(left: str) -> str:
    """`left`: paths of stale locks of other users."""
    if left:
        return how_to_remove(left)
    return "wait for that run, or end it: launcher cancel RUN; other devices: --set cluster.devices=…"


def parse_holders(text: str) -> list[Holder]:
    """Lines of `name run since owner`; what other users wrote there may be anything."""
    holders = []
    for line in filter(str.strip, text.splitlines()):
        name, run, since, owner = [*line.split(maxsplit=3), "unknown", "unknown", "unknown"][:4]
        is_time = since.isdecimal() and len(since) <= _DIGITS
        holders.append(Holder(name, run, float(since) if is_time else 0.0, owner))
    return holders


def remove_secrets(host: Host, part: HostPlan, epoch: int) -> None:
    """Remove the run's secrets, where it has any."""
    if part.secrets_file:
        checked(host, script("remove_secrets"), part.run_dir, str(epoch), part.secrets_file)


def release(host: Host, part: HostPlan, epoch: int, run: str) -> None:
    """Let go of all locks that carry the run."""
    checked(host, script("unlock"), part.run_dir, str(epoch), LOCKS, run)


def renew(host: Host, part: HostPlan, epoch: int, run: str) -> None:
    """Say that the supervisor lives: renews the lease and touches the locks."""
    checked(host, script("renew"), part.run_dir, str(epoch), LOCKS, run)
