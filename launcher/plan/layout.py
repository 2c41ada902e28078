"""Every path on a host: the only place where names of files there are made up.

<work_dir>/code/<sha256>/            code snapshots, shared by runs
<work_dir>/runs/<run id>/            one run
    inputs/                          spec.json: what the plan was made from
    lease/epoch-<n>/owner, renewed   who supervises, since when
    ckpt/                            the default `output` volume, kept over attempts
    attempt-<n>/plan.json, rank_table.json, scripts/, LOG<rank>/, state/
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from launcher.plan.model import RANK_TABLE, SCHEDULER

LOCKS = "/var/tmp/launcher-locks"
PLAN = "plan.json"
SCRIPTS = "scripts"
_LONGEST_NAME = 200
"""Of a file, with room for what is put around it; Linux takes 255 bytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one attempt on one host."""

    work_dir: str
    run_id: str
    attempt: str

    @property
    def run_dir(self) -> str:
        return f"{self.work_dir.rstrip('/')}/runs/{self.run_id}"

    @property
    def lease(self) -> str:
        return f"{self.run_dir}/lease"

    @property
    def checkpoints(self) -> str:
        return f"{self.run_dir}/ckpt"

    @property
    def attempt_dir(self) -> str:
        return f"{self.run_dir}/attempt-{self.attempt}"

    @property
    def state(self) -> str:
        return f"{self.attempt_dir}/state"

    @property
    def rank_table(self) -> str:
        return f"{self.attempt_dir}/{RANK_TABLE}"

    def log(self, key: str) -> str:
        """LOG<rank> of a rank, LOG_SCHED of the scheduler."""
        return f"{self.attempt_dir}/{log_name(key)}"

    def code(self, digest: str) -> str:
        """Snapshot of the code, by content."""
        return f"{self.work_dir.rstrip('/')}/code/{digest}"


def default_work_dir(uid: str) -> str:
    """On a local disk of every Linux host, and kept over a reboot."""
    return f"/var/tmp/launcher-{uid}"


def secrets_file(uid: str, run_id: str) -> str:
    """On tmpfs, so that no secret reaches a disk."""
    return f"/dev/shm/launcher-{uid}/{run_id}/secrets"


def log_name(key: str) -> str:
    """Name of a member's log directory."""
    return "LOG_SCHED" if key == SCHEDULER else f"LOG{key}"


def rank_script(key: str) -> str:
    """Name of a member's script, in the attempt's directory."""
    return f"{SCRIPTS}/{key}.sh" if key == SCHEDULER else f"{SCRIPTS}/rank-{key}.sh"


def host_script(label: str) -> str:
    """Name of the script that starts all members of a host by hand; any label gives one plain file name."""
    name = quote(label, safe="@:+")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 17]}-{sha256(label.encode()).hexdigest()[:16]}"
    return f"{SCRIPTS}/host-{name}.sh"
