"""What a run holds on its hosts while it lasts: leases and device locks."""

from __future__ import annotations

from launcher.claims import locks
from launcher.errors import ExitCode, LauncherError, LostContact, StartFailed
from launcher.hosts import Host, HostError, RemoteError
from launcher.hosts.fence import Fenced, checked
from launcher.hosts.fleet import on_all, together, try_on_all
from launcher.remote import script
from launcher.run import upload
from launcher.run.ground import Ground
from launcher.run.reachable import end_on


def take_leases(ground: Ground, *, is_begun: bool) -> None:
    """Raises StartFailed with everything let go, or LostContact where ranks of the run may live."""
    outcomes = _try_leases(ground)
    errors = [outcome for outcome in outcomes.values() if outcome is not None]
    if not errors:
        return
    error = together(errors)
    if isinstance(error, Fenced):
        raise Fenced(str(error), hint=f"launcher attach {ground.run_id}")
    if isinstance(error, LostContact):
        raise error
    if is_begun:
        taken = [label for label, outcome in outcomes.items() if outcome is None]
        where = end_on(ground, taken) if ground.is_cancelled else "the run cannot be taken over"
        raise LostContact(f"{where}: {error}", hint=error.hint) from error
    try_on_all(ground.hosts.values(), lambda host: _unlock(ground, host, ExitCode.START_FAILED))
    raise StartFailed(f"not all ranks could be started: {error}", hint=error.hint) from error


def _try_leases(ground: Ground) -> dict[str, LauncherError | None]:
    """Of several launchers that take a run over one gets all of its hosts."""
    spec = ground.spec.to_json().encode("utf-8")
    outcomes: dict[str, LauncherError | None] = {}
    for hosts in _in_turn(ground):
        outcomes |= try_on_all(hosts, lambda host: _take_lease(ground, host, spec))
        if any(isinstance(outcome, Fenced) for outcome in outcomes.values()):
            break
    return outcomes


def _in_turn(ground: Ground) -> tuple[list[Host], list[Host]]:
    """The first host alone before the others: who has it has all."""
    first, *others = ground.hosts.values()
    return [first], others


def _take_lease(ground: Ground, host: Host, spec: bytes) -> None:
    ground.take_lease(host)
    upload.upload_inputs(ground, host, spec)


def lock_devices(ground: Ground) -> None:
    """Of two launchers at the same hosts one gets all of them."""
    for hosts in _in_turn(ground):
        on_all(
            hosts,
            lambda host: locks.acquire(host, ground.part(host), ground.epoch, ground.run_id, ground.owner),
        )


def let_go(ground: Ground, code: ExitCode) -> None:
    """Unlock; what cannot be let go of is said, and ends by itself when it is stale."""
    with ground.course.phase("unlock"):
        try:
            on_all(ground.hosts.values(), lambda host: _unlock(ground, host, code))
        except Fenced:
            raise
        except LauncherError as error:
            ground.course.events.write(
                "error",
                message=f"could not unlock: {error}",
                hint="launcher clean removes what is left there",
            )


def _unlock(ground: Ground, host: Host, code: ExitCode) -> None:
    """Secrets go in any case; devices stay locked where containers may still have them."""
    part, failure = ground.part(host), None
    locks.remove_secrets(host, part, ground.epoch)
    try:
        ground.runtime.remove(host, ground.draft, part, ground.epoch)
    except (HostError, RemoteError) as error:
        failure = error
    else:
        locks.release(host, part, ground.epoch, ground.run_id)
    checked(host, script("finish"), part.run_dir, str(ground.epoch), str(int(code)))
    if failure is not None:
        raise failure
