"""`launcher shell`: the container of a job with one device, and a person in it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from launcher.claims import lease, locks
from launcher.claims.lease import RENEWAL
from launcher.errors import DevicesHeld, LauncherError, UsageError
from launcher.hosts import Host, connect, endpoints_of
from launcher.hosts.fence import checked
from launcher.hosts.files import put
from launcher.hosts.owner import owner_on
from launcher.plan.build import plan
from launcher.plan.containers import docker_words
from launcher.plan.model import Binding, Container, HostPlan, Member, Plan
from launcher.plan.site import INSIDE
from launcher.remote import script
from launcher.repeat import repeating
from launcher.run import snapshot
from launcher.run.launch import new_run_id
from launcher.run.upload import upload_code
from launcher.runtime import runtime_of
from launcher.spec.job import Launch
from launcher.spec.spec import Spec
from launcher.spec.wording import no_host

_EPOCH = 1
_OF_A_GANG = ("RANK_TABLE_FILE", "MS_", "LAUNCHER_", "GLOG_log_dir", "ASCEND_PROCESS_LOG_PATH")
_ENTER = """
for set_env in /usr/local/Ascend/cann/set_env.sh /usr/local/Ascend/ascend-toolkit/set_env.sh; do
    if [ -f "$set_env" ]; then . "$set_env"; break; fi
done
if command -v bash >/dev/null; then exec bash; else exec sh; fi
"""


def open_shell(spec: Spec, label: str | None, *, terminal: bool) -> int:
    """An interactive shell on a host of the job, the first where `label` is None; its exit code.

    Raises UsageError where ranks are no containers, and for hosts that are none, DevicesHeld where no device
    is free.
    """
    spec = replace(spec, job=spec.job.model_copy(update={"ranks": "all", "launch": Launch.NONE}))
    run_id = new_run_id("shell")
    code = _code(spec)
    offline = plan(spec, Binding(run_id=run_id))
    where = label or offline.hosts[0].label
    if where not in {part.label for part in offline.hosts}:
        raise no_host(where, (part.label for part in offline.hosts))
    shell_container(offline.members[0])  # before anything is touched
    host = connect(endpoints_of(spec.cluster)[where])
    try:
        owners = {where: owner_on(host)}
        digest = code.digest if code else "none"
        bound = plan(spec, Binding(run_id=run_id, attempt="1", owners=owners, code=digest))
        with _leaving_in_order():
            return _enter(host, bound, code, terminal=terminal)
    finally:
        host.close()


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """A terminal that is closed (SIGHUP), and SIGTERM, end a shell as an error does: nothing stays."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _code(spec: Spec) -> snapshot.Snapshot | None:
    volume = spec.job.volumes.get("code")
    return snapshot.take(Path(volume.source)) if volume and volume.source else None


def _enter(host: Host, bound: Plan, code: snapshot.Snapshot | None, *, terminal: bool) -> int:
    part, run_id = bound.host(host.label), bound.binding.run_id
    owner = lease.this_owner()
    lease.take(host, part.run_dir, _EPOCH, owner, bound.runtime_on(part))
    try:
        member = _lock_one(host, part, bound, owner)
        with repeating(lambda: _renew(host, part, run_id), RENEWAL):
            put(host, {}, part.attempt_dir, fence=(part.run_dir, _EPOCH), directories=part.directories)
            upload_code(host, part, code)
            container = shell_container(member)
            how = ("--rm", "--interactive", *(["--tty"] if terminal else []))
            words = docker_words(container, sudo=part.sudo, how=how)
            return host.attend(script("shell"), part.sudo_word, container.name, *words, terminal=terminal)
    finally:
        _leave(host, bound, part)


def _renew(host: Host, part: HostPlan, run_id: str) -> None:
    """A host that does not answer is asked again; a lock that is lost ends no shell that people are in."""
    with suppress(LauncherError):
        locks.renew(host, part, _EPOCH, run_id)


def _leave(host: Host, bound: Plan, part: HostPlan) -> None:
    """Nothing stays; what one step cannot do keeps no other from being done."""
    try:
        runtime_of(bound.runtime).remove(host, bound, part, _EPOCH)
    finally:
        try:
            locks.release(host, part, _EPOCH, bound.binding.run_id)
        finally:
            checked(host, script("finish"), part.run_dir, str(_EPOCH), "0")


def shell_container(member: Member) -> Container:
    """A rank's container for one who is alone in it. Raises UsageError where ranks are processes."""
    spec = member.container
    if spec is None:
        raise UsageError("ranks of this cluster are processes: there is no container to be in")
    gang = tuple(pair for pair in member.environment if not pair[0].startswith(_OF_A_GANG))
    alone = {**dict(gang), "RANK_ID": "0", "RANK_SIZE": "1"}
    return replace(
        spec,
        name=f"{spec.name}-shell",
        mounts=tuple(mount for mount in spec.mounts if not mount.target.startswith(f"{INSIDE}/")),
        environment=(*spec.environment, *alone.items()),
        command=("/bin/sh", "-c", _ENTER),
    )


def _lock_one(host: Host, part: HostPlan, bound: Plan, owner: str) -> Member:
    """The first rank there whose device nobody has."""
    ranks = [member for member in bound.members_of(part) if member.rank is not None]
    held: list[DevicesHeld] = []
    for member, lock in zip(ranks, part.locks or ("",) * len(ranks), strict=True):
        try:
            mine = replace(part, locks=(lock,) if lock else ())
            locks.acquire(host, mine, _EPOCH, bound.binding.run_id, owner)
            return member
        except DevicesHeld as error:
            held.append(error)
    raise held[-1]
