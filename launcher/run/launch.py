"""A new run: its directory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import launcher
from launcher.claims.lease import this_owner
from launcher.files import write_atomically, write_json
from launcher.hosts import endpoints_of
from launcher.plan.build import plan
from launcher.run.rundir import RunDir, runs_root
from launcher.spec.spec import Spec


def create_run(spec: Spec, overrides: Sequence[str]) -> RunDir:
    """A directory with the inputs of a run; run.json, written last, makes it one.

    Raises SpecError where the job does not fit the cluster.
    """
    plan(spec)
    directory = RunDir(runs_root() / new_run_id(spec.job.name))
    directory.inputs.mkdir(parents=True)
    write_atomically(directory.spec, spec.to_json(), durable=True)
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
