"""Log directories and checkpoints from the hosts into the run directory."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Host
from launcher.hosts.fence import checked
from launcher.hosts.fleet import together, try_on_all
from launcher.plan.layout import log_name
from launcher.plan.model import HostPlan, Plan
from launcher.remote import script
from launcher.run.rundir import RunDir

_TIMEOUT = 3600.0


def collect(directory: RunDir, hosts: Iterable[Host], plan: Plan) -> None:
    """Fetch the logs of an attempt from these of its hosts, and link the newest attempt's.

    Works while ranks write, too; whoever collects the same run at the same time is waited for.
    Raises CheckFailed naming every host whose files could not be fetched; the others' are there.
    """
    with directory.collect_lock():
        outcomes = try_on_all(hosts, lambda host: _fetch_logs(directory, host, plan))
        if int(plan.binding.attempt) == directory.attempts()[-1]:
            link_logs(directory, plan)
    errors = [outcome for outcome in outcomes.values() if isinstance(outcome, LauncherError)]
    if errors:
        raise CheckFailed(f"not everything was collected: {together(errors)}", hint="launcher collect RUN")


def collect_checkpoints(directory: RunDir, hosts: Iterable[Host], plan: Plan) -> None:
    """Fetch the run's own checkpoint directory, where the job has no output volume of its own."""
    with directory.collect_lock():
        for host in hosts:
            _fetch(host, plan.host(host.label).run_dir, ("ckpt",), directory.path, ("*",))


def link_logs(directory: RunDir, plan: Plan) -> None:
    """`runs/<id>/LOG<r>` leads to the newest attempt."""
    for member in plan.members:
        name = log_name(member.key)
        fresh = directory.path / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path(f"attempt-{plan.binding.attempt}") / name)
        os.replace(fresh, directory.path / name)


def _fetch_logs(directory: RunDir, host: Host, plan: Plan) -> None:
    part: HostPlan = plan.host(host.label)
    names = tuple(log_name(key) for key in part.members)
    target = directory.attempt(plan.binding.attempt)
    _fetch(host, part.attempt_dir, names, target, plan.policy.collect)


def _fetch(host: Host, source: str, names: Sequence[str], target: Path, patterns: Sequence[str]) -> None:
    """Directories below `source`, each replaced as a whole below `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=target, prefix=".collect-") as scratch,
        tempfile.TemporaryFile() as tar,
    ):
        checked(host, script("pack"), source, *names, out=tar, timeout=_TIMEOUT)
        if not tar.tell() and not os.fstat(tar.fileno()).st_size:
            return
        tar.seek(0)
        with tarfile.open(fileobj=tar) as archive:
            wanted = [entry for entry in archive if _is_wanted(entry.name, patterns)]
            archive.extractall(scratch, members=wanted, filter="data")
        for path in Path(scratch).iterdir():
            _replace_directory(path, target / path.name)


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file below LOG<rank>/ matches a pattern; directories above it always do."""
    _, _, inside = name.partition("/")
    return not inside or any(fnmatch(inside, pattern) for pattern in patterns)


def _replace_directory(fresh: Path, target: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    os.replace(fresh, target)
