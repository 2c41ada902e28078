"""Runs that this directory never saw: adopted from what the hosts of a cluster hold."""

from __future__ import annotations

import os
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.claims import lease
from launcher.errors import LauncherError, LostContact, UsageError
from launcher.files import write_json
from launcher.hosts import Host, connect, endpoints_of
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.hosts.owner import owner_on
from launcher.plan.layout import default_work_dir
from launcher.remote import script
from launcher.run.rundir import RunDir, runs_root
from launcher.spec.load import load_cluster


def adopt(prefix: str, cluster_file: Path) -> RunDir:
    """Make a run's directory here from what its hosts hold. Raises UsageError where no host knows the run,
    LostContact where one that does not answer may know it.
    """
    cluster = load_cluster(cluster_file, environ=os.environ)
    endpoints = endpoints_of(cluster)
    hosts = {label: connect(endpoint) for label, endpoint in endpoints.items()}
    fallback = {host.label: host.work_dir or cluster.work_dir for host in cluster.hosts}
    found = try_on_all(hosts.values(), lambda host: _runs_on(host, fallback[host.label], prefix))
    places = [
        (name, attempt, label, path)
        for label, runs in found.items()
        if not isinstance(runs, LauncherError)
        for name, attempt, path in runs
    ]
    _refuse_ambiguity(prefix, cluster_file, {name for name, _, _, _ in places}, found)
    name, _, label, path = max(places, key=lambda place: place[1])  # a host may lack the newest attempt
    directory = RunDir(runs_root() / name)
    directory.path.mkdir(parents=True, exist_ok=True)
    directory.keep_endpoints(endpoints)
    return _copy_state(hosts[label], path, directory)


def _refuse_ambiguity(prefix: str, cluster_file: Path, names: set[str], found: Mapping[str, object]) -> None:
    """Raises LostContact where a host that was not reached may know the run, UsageError."""
    if len(names) == 1:
        return
    hint = "launcher list -c CLUSTER shows what the hosts know"
    if names:
        raise UsageError(f"several runs start with {prefix!r}: {', '.join(sorted(names))}", hint=hint)
    errors = [str(outcome) for outcome in found.values() if isinstance(outcome, LauncherError)]
    nowhere = f"no run {prefix!r} here, and no host of {cluster_file}"
    if errors:
        raise LostContact("\n".join([f"{nowhere} that answers knows it", *errors]), hint=hint)
    raise UsageError(f"{nowhere} knows it", hint=hint)


def _runs_on(host: Host, work_dir: str | None, prefix: str) -> list[tuple[str, int, str]]:
    """Name, newest attempt and directory of a host's runs that start with a prefix."""
    base = work_dir or default_work_dir(owner_on(host).uid)
    rows = [line.split() for line in checked(host, script("runs"), base).out.splitlines()]
    return [(row[0], int(row[4]), f"{base}/runs/{row[0]}") for row in rows if row[0].startswith(prefix)]


def _copy_state(host: Host, run_dir: str, directory: RunDir) -> RunDir:
    """Inputs and plans of a run; run.json, written last, makes the directory a run."""
    directory.inputs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as tar:
        checked(host, script("pack_state"), run_dir, out=tar)
        if tar.seek(0, os.SEEK_END):
            tar.seek(0)
            with tarfile.open(fileobj=tar) as archive:
                archive.extractall(directory.path, filter="data")
    if not directory.spec.exists():
        raise UsageError(
            f"host {host.label}: run {directory.run_id} was never started there",
            hint="launcher clean -c CLUSTER removes what is left of it",
        )
    spec = directory.read(directory.spec)
    about = {
        "schema": 1,
        "run": directory.run_id,
        "job": spec["job"]["name"],
        "cluster": spec["cluster"]["name"],
        "created": round(time.time(), 3),
        "adopted_from": host.label,
        "owner": lease.this_owner(),
    }
    write_json(directory.about, about)
    return directory
