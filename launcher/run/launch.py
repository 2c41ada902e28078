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
from launcher.errors import UsageError
from launcher.files import write_atomically, write_json
from launcher.plan.build import plan
from launcher.run.lease import this_owner
from launcher.run.rundir import RunDir, runs_root
from launcher.spec.spec import Spec


def create_run(spec: Spec, overrides: Sequence[str]) -> RunDir:
    """A directory with the inputs of a run; run.json, written last, makes it one.

    Raises SpecError where the job does not fit the cluster.
    """
    plan(spec)
    directory = RunDir(runs_root() / new_run_id(spec.job.name))
    directory.inputs.mkdir(parents=True)
    write_atomically(directory.spec, spec.to_json())
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
    """Start the supervisor of a run in a session of its own. Raises UsageError where one lives already."""
    if directory.is_supervised():
        raise UsageError(f"run {directory.run_id} has a supervisor already")
    words = [*_scope(), sys.executable, "-m", "launcher.run.supervisor", str(directory.path)]
    with open(directory.supervisor_log, "ab") as log:
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _scope() -> list[str]:
    """With systemd a scope of its own, so that the end of the login session does not end the supervisor."""
    private = Path(os.environ.get("XDG_RUNTIME_DIR", "/run/user/none")) / "systemd" / "private"
    if shutil.which("systemd-run") and private.exists():
        return ["systemd-run", "--user", "--scope", "--quiet", "--collect"]
    return []
