"""Inputs, plan, scripts and code to the hosts, so that any of them can be taken over from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from launcher.errors import StartFailed, UsageError
from launcher.files import write_atomically
from launcher.hosts import Host
from launcher.hosts.fence import checked
from launcher.hosts.files import put
from launcher.plan import store
from launcher.plan.layout import PLAN
from launcher.plan.model import HostPlan, Plan
from launcher.remote import script
from launcher.run.ground import Ground
from launcher.run.snapshot import Snapshot

_CODE_TIMEOUT = 600.0


def keep_plan(ground: Ground, plan: Plan) -> bytes:
    """Write the attempt's plan and its artefacts into the run directory here; returns what hosts get."""
    directory = ground.directory.attempt(plan.binding.attempt)
    texts = {name: text for part in plan.hosts for name, text in plan.files_of(part).items()}
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / name, text)
    write_atomically(directory / PLAN, store.to_json(plan), durable=True)
    return store.to_json_of_hosts(plan)


def upload_inputs(ground: Ground, host: Host, spec: bytes) -> None:
    """The spec: with it, another machine can take the run over."""
    run_dir = ground.part(host).run_dir
    put(host, {"spec.json": spec}, f"{run_dir}/inputs", fence=(run_dir, ground.epoch))


def upload(ground: Ground, host: Host, plan: Plan, plan_json: bytes, code: Snapshot | None) -> None:
    """Everything that an attempt needs on a host. Raises UsageError for a secret without a value."""
    part = plan.host(host.label)
    fence = part.run_dir, ground.epoch
    files = {name: text.encode("utf-8") for name, text in plan.files_of(part).items()}
    put(host, {**files, PLAN: plan_json}, part.attempt_dir, fence=fence, directories=part.directories)
    upload_code(host, part, code)
    _upload_secrets(host, part, plan, fence, os.environ)


def upload_code(host: Host, part: HostPlan, code: Snapshot | None) -> None:
    """The snapshot, by content: nothing where it is there already; without one it must be.

    Raises StartFailed, RemoteError, HostError.
    """
    if part.code_dir is None or host.run(script("is_there"), part.code_dir).code == 0:
        return
    if code is None:
        raise StartFailed(
            f"host {host.label}: the code that this run began with is not there any more: {part.code_dir}",
            hint="start it anew: launcher run JOB",
        )
    checked(host, script("unpack"), part.code_dir, stdin=code.archive, timeout=_CODE_TIMEOUT)


def _upload_secrets(
    host: Host, part: HostPlan, plan: Plan, fence: tuple[str, int], environ: Mapping[str, str]
) -> None:
    if part.secrets_file is None:
        return
    lacking = [name for name in plan.secrets if name not in environ]
    if lacking:
        if host.run(script("is_there"), part.secrets_file).code == 0:
            return  # of an earlier attempt; this launcher is not the one that was told them
        raise UsageError(f"secrets are not set here: {', '.join(lacking)}")
    from launcher.plan.scripts import quote

    text = "".join(f"{name}={quote(environ[name])}\n" for name in plan.secrets)
    directory, _, name = part.secrets_file.rpartition("/")
    checked(host, script("make_private"), directory)
    put(host, {name: text.encode("utf-8")}, directory, fence=fence, mode=0o600)
