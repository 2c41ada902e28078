"""Runs without a supervisor: one is started for them here."""

from __future__ import annotations

from launcher.claims import lease
from launcher.errors import UsageError
from launcher.files import write_atomically
from launcher.hosts.fleet import try_on_all
from launcher.run.ground import draft_of
from launcher.run.rundir import RunDir
from launcher.run.standby import Standby
from launcher.spec.spec import Spec


def ensure_supervised(directory: RunDir, standby: Standby, *, force: bool) -> bool:
    """Give a run that has not ended a supervisor; True where it needed one.

    Raises UsageError where a supervisor elsewhere renewed its lease lately, unless `force`.
    """
    if directory.result.exists() or directory.is_supervised():
        return False
    if not force:
        _refuse_fresh_lease(directory)
    standby.take(directory)
    return True


def request_cancel(directory: RunDir, standby: Standby) -> None:
    """Ask the supervisor for the end of the run; where there is none, a new one is started for it."""
    if directory.result.exists():
        raise UsageError(f"run {directory.run_id} has ended already")
    write_atomically(directory.cancel_request, f"{lease.this_owner()}\n")
    try:
        ensure_supervised(directory, standby, force=False)
    except UsageError:  # a later attach must not find a request that was refused
        directory.cancel_request.unlink(missing_ok=True)
        raise


def _refuse_fresh_lease(directory: RunDir) -> None:
    draft, hosts = draft_of(directory, Spec.from_json(directory.spec.read_text("utf-8"), str(directory.spec)))
    leases = try_on_all(hosts.values(), lambda host: lease.show(host, draft.host(host.label).run_dir))
    for label, shown in leases.items():  # the supervisor tells of hosts that do not answer
        if isinstance(shown, lease.Lease) and shown.is_fresh:
            raise UsageError(
                f"host {label}: {shown.owner.split()[0] if shown.owner else 'somebody'} supervises run "
                f"{directory.run_id}, last seen {shown.age:.0f} s ago",
                hint="attach there, or take it over: launcher attach RUN --take-over",
            )
