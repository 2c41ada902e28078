"""Inputs, plan, scripts and code to the hosts, so that any of them can be taken over from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from launcher.errors import UsageError
from launcher.files import write_atomically
from launcher.hosts import Host
from launcher.hosts.fence import checked
from launcher.plan import store
from launcher.plan.layout import PLAN
from launcher.plan.model import HostPlan, Plan
from launcher.remote import script
from launcher.run.ground import Ground
from launcher.run.snapshot import Snapshot

_CODE_TIMEOUT = 600.0


def keep_plan(ground: Ground, plan: Plan) -> bytes:
    """Write the attempt's plan and its artefacts into the run directory here; returns plan.json."""
    directory = ground.directory.attempt(plan.binding.attempt)
    texts = {name: text for part in plan.hosts for name, text in plan.files_of(part).items()}
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / name, text)
    plan_json = store.to_json(plan)
    write_atomically(directory / PLAN, plan_json)
    return plan_json


def upload_inputs(ground: Ground, host: Host) -> None:
    """The spec: with it, another machine can take the run over."""
    host.put({f"{ground.part(host).run_dir}/inputs/spec.json": ground.spec.to_json().encode("utf-8")})


def upload(ground: Ground, host: Host, plan: Plan, plan_json: bytes, code: Snapshot | None) -> None:
    """Everything that an attempt needs on a host. Raises UsageError for a secret without a value."""
    part = plan.host(host.label)
    checked(host, script("make_run"), part.run_dir, str(ground.epoch), part.attempt_dir)
    files = {f"{part.attempt_dir}/{name}": text.encode("utf-8") for name, text in plan.files_of(part).items()}
    files[f"{part.attempt_dir}/{PLAN}"] = plan_json
    host.put(files)
    if code is not None and part.code_dir is not None:
        checked(host, script("unpack"), part.code_dir, stdin=code.archive, timeout=_CODE_TIMEOUT)
    _upload_secrets(host, part, plan, os.environ)


def _upload_secrets(host: Host, part: HostPlan, plan: Plan, environ: Mapping[str, str]) -> None:
    if part.secrets_file is None:
        return
    lacking = [name for name in plan.secrets if name not in environ]
    if lacking:
        raise UsageError(f"secrets are not set here: {', '.join(lacking)}")
    from launcher.plan.scripts import quote

    text = "".join(f"{name}={quote(environ[name])}\n" for name in plan.secrets)
    checked(host, script("make_private"), part.secrets_file.rpartition("/")[0])
    host.put({part.secrets_file: text.encode("utf-8")}, mode=0o600)
