"""A new run: its directory, then its supervisor, a process of its own that outlives the command line."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import launcher
from launcher.claims.lease import this_owner
from launcher.errors import LauncherError, UsageError
from launcher.files import write_atomically, write_json
from launcher.hosts import endpoints_of
from launcher.plan.build import plan
from launcher.run.rundir import RunDir, runs_root
from launcher.spec.spec import Spec

_LOOK = 0.02


def create_run(spec: Spec, overrides: Sequence[str]) -> RunDir:
    """A directory with the inputs of a run; run.json, written last, makes it one.

    Raises SpecError where the job does not fit the cluster.
    """
    plan(spec)
    directory = RunDir(runs_root() / new_run_id(spec.job.name))
    directory.inputs.mkdir(parents=True)
    write_atomically(directory.spec, spec.to_json())
    directory.keep_endpoints(endpoints_of(spec.cluster))
    for name, source in (("cluster.yaml", spec.cluster_file), ("job.yaml", spec.job_file)):
        write_atomically(directory.inputs / name, Path(source).read_bytes())
    about = {
        "schema": 1,
        "run": directory.run_id,
        "job": spec.job.name,
        "cluster": spec.cluster.name,
        "set": list(overrides),
        "created": round(time.time(), 3),
        "launcher": launcher.__version__,
        "owner": this_owner(),
    }
    write_json(directory.about, about)
    return directory


def new_run_id(name: str) -> str:
    """`<name>-<yyyymmdd>-<6 hex>`."""
    return f"{name}-{time.strftime('%Y%m%d')}-{secrets.token_hex(3)}"


def spawn_supervisor(directory: RunDir) -> None:
    """Start the supervisor of a run in a session of its own, and wait until it has the run.

    Raises UsageError where one lives already, LauncherError where it does not come up.
    """
    if directory.is_supervised():
        raise UsageError(f"run {directory.run_id} has a supervisor already")
    words = [*_scope(), sys.executable, "-m", "launcher.run", str(directory.path)]
    said = _size(directory.events)
    with open(directory.supervisor_log, "ab") as log:
        process = subprocess.Popen(
            words,
            cwd=directory.path,  # Python looks for modules where it starts: not among the user's files
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not directory.is_supervised():
        if process.poll() is not None:
            _refuse_silence(directory, said)
            return
        time.sleep(_LOOK)


def _refuse_silence(directory: RunDir, said: int) -> None:
    """A supervisor that has ended already has said something, or another one has done all there was."""
    if _size(directory.events) == said and not directory.result.exists() and not directory.is_supervised():
        raise LauncherError(
            f"the supervisor of {directory.run_id} does not start", hint=f"see {directory.supervisor_log}"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _scope() -> list[str]:
    """With systemd a scope of its own, so that the end of the login session does not end the supervisor."""
    private = Path(os.environ.get("XDG_RUNTIME_DIR", "/run/user/none")) / "systemd" / "private"
    if shutil.which("systemd-run") and private.exists():
        return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]
    return []
