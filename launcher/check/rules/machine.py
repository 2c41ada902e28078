"""The machine itself: memory, disk, sshd, SELinux. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.model import Complaint, Fix, as_root, error, warning
from launcher.hosts.base import CHANNELS
from launcher.spec.wording import in_units

_SSHD_CONFIG = "/etc/ssh/sshd_config"
_SHOWN = 200
_FEW_STARTUPS = 3
"""Launchers that may connect at once: one that runs, one that shows logs, one that asks for the state."""


def memory(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Enough for all ranks."""
    wanted = needs.ranks * needs.memory_per_rank
    if wanted > facts.memory:
        fitting = facts.memory // needs.memory_per_rank
        words = f"{needs.ranks} ranks of {in_units(needs.memory_per_rank)} need {in_units(wanted)}, "
        fewer = f"at most {fitting} ranks fit here (--set ranks=…); " if fitting > 0 else ""
        remedy = f"{fewer}what uses memory: ps -eo rss,pid,user,args --sort=-rss | head"
        yield error(f"{words}{in_units(facts.memory)} are available", remedy)


def cores(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """One for each rank."""
    if facts.cores < needs.ranks:
        words = f"{needs.ranks} ranks share {facts.cores} cores"
        yield warning(words, "they take turns: expect it to be slower, or use fewer (--set ranks=…)")


def work_dir(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """May be written, and is on no NFS."""
    elsewhere = "name another directory: work_dir in the cluster file"
    if facts.work_dir_refusal:
        yield error(f"{facts.work_dir}: {facts.work_dir_refusal}", elsewhere)
    if facts.file_system.startswith("nfs"):
        words = f"{facts.work_dir} is on NFS, where locks and renames are not seen at once"
        yield error(words, f"{elsewhere}, on a disk of the host")


def disk(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """As much as the job asks for."""
    if facts.disk < needs.disk:
        words = f"{in_units(facts.disk)} are free for {facts.work_dir}, the job needs {in_units(needs.disk)}"
        yield error(words, "launcher clean removes old runs; or another disk: work_dir in the cluster file")


def setsid(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Ranks that are processes are sessions of their own."""
    if needs.processes and not facts.has_setsid:
        yield error("setsid is not in PATH; each rank is a session of its own", "install util-linux")


def secrets(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """There is a place for them that is no disk."""
    if needs.secrets and facts.shm_refusal:
        remedy = "mount a tmpfs with mode 1777 at /dev/shm: secrets are never put on a disk"
        yield error(
            facts.shm_refusal,
            remedy,
            as_root(("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")),
        )


def login_shell(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """It prints nothing: logs, archives and the words of Docker would begin with that."""
    if facts.greeting:
        words = f"the login shell prints {facts.greeting.strip()[:_SHOWN]!r} before every script"
        remedy = "let ~/.bashrc and the like print for people only: case $- in *i*) echo … ;; esac"
        yield error(words, remedy)


def sshd(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Opens as many sessions as the launcher uses, and takes some connections at once."""
    if facts.sessions is not None and facts.sessions < CHANNELS:
        opened = f"{facts.sessions} session{'' if facts.sessions == 1 else 's'}"
        words = f"sshd opened {opened} on a connection, the launcher uses {CHANNELS}"
        yield error(
            words, "MaxSessions 10 in sshd_config, then reload sshd", _sshd_setting("MaxSessions", 10)
        )
    if facts.startups is not None and facts.startups < _FEW_STARTUPS:
        words = f"sshd refuses from {facts.startups} connections on that log in at once (MaxStartups)"
        remedy = "MaxStartups 10:30:100 in sshd_config, then reload sshd: launchers connect side by side"
        yield warning(words, remedy, _sshd_setting("MaxStartups", "10:30:100"))


def _sshd_setting(name: str, value: object) -> Fix:
    """The first line of a name counts in sshd_config."""
    return as_root(("sed", "-i", f"1i {name} {value}", _SSHD_CONFIG), ("systemctl", "reload", "sshd"))


def selinux(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    """Containers run with label=disable; what matters is whether the SSH user itself is confined."""
    context = facts.selinux_context
    if facts.selinux != "Enforcing" or not context or "unconfined_t" in context.split(":"):
        return
    words = f"SELinux is enforcing and confines the SSH user ({context}): scripts and Docker may be refused"
    remedy = "map the user to unconfined_u: semanage login -a -s unconfined_u USER; refusals: ausearch -m avc"
    yield warning(words, remedy, as_root(("semanage", "login", "-a", "-s", "unconfined_u", facts.user)))
