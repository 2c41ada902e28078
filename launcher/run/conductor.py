"""Takes a run from where it is to its end. Whoever takes over goes on from what the hosts show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.check import check_hosts
from launcher.errors import CheckFailed, ExitCode, LauncherError, LostContact, StartFailed, UsageError
from launcher.files import write_atomically, write_json
from launcher.hosts import Host, RemoteError
from launcher.hosts.fence import checked
from launcher.hosts.fleet import on_all
from launcher.plan import store
from launcher.plan.model import Plan
from launcher.remote import script
from launcher.run import snapshot, upload
from launcher.run.attempt import Ending, start_gang, watch_gang
from launcher.run.bind import bind
from launcher.run.collect import collect, collect_checkpoints
from launcher.run.ground import Ground
from launcher.run.heartbeat import Heartbeat
from launcher.run.hold import let_go, lock_devices, take_leases
from launcher.run.image import deliver_image
from launcher.run.result import Attempt


def conduct(ground: Ground) -> Ending:
    """All phases of a run, or what is left of them.

    Raises CheckFailed, DevicesHeld, StartFailed, Cancelled with everything let go, and LostContact with
    everything left as it is.
    """
    begun = ground.directory.attempts()
    is_image_there = False  # as far as is known
    if not begun and ground.epoch == 1 and not ground.is_cancelled:  # a lease is taken after the check
        with ground.course.phase("check"):
            findings = check_hosts(ground.spec, ground.draft, ground.hosts, ground.course.clocks)
            is_image_there = all(finding.rule != "image" for finding in findings)
            for finding in findings:
                ground.course.events.write("warning", message=str(finding), hint=finding.remedy)
    with ground.course.phase("lock"):
        take_leases(ground, is_begun=bool(begun))
    with Heartbeat(ground) as heartbeat:
        try:
            ending = _go(ground, begun, heartbeat, is_image_there=is_image_there)
        except LostContact:
            raise
        except LauncherError as error:
            let_go(ground, error.exit_code)
            raise
        let_go(ground, ending.code)
        return ending


def _go(ground: Ground, begun: list[int], heartbeat: Heartbeat, *, is_image_there: bool) -> Ending:
    """On from where the run is."""
    codes = on_all(ground.hosts.values(), lambda host: _exit_code_on(ground, host))
    if finished := [code for code in codes.values() if code]:
        return _conclude(ground, begun, heartbeat, ExitCode(int(finished[0])))
    if begun:
        return _go_on(ground, begun[-1], heartbeat)
    return _go_through(ground, 1, heartbeat, is_image_there=is_image_there)


def _exit_code_on(ground: Ground, host: Host) -> str:
    return checked(host, script("exit_code"), ground.part(host).run_dir).out.strip()


def _conclude(ground: Ground, begun: list[int], heartbeat: Heartbeat, code: ExitCode) -> Ending:
    """A run that had been let go of when its supervisor died, before it could write the result."""
    if begun:
        plan = _stored_plan(ground, begun[-1])
        try:
            ending = _to_its_end(ground, plan, heartbeat)
        except StartFailed:  # of a run that was cancelled hosts keep the logs, but no states
            _fetch(ground, plan)
        else:
            if ending.code is code:
                return ending
    return Ending(code, f"ended with {int(code)}, then its supervisor died", {})


def _go_through(
    ground: Ground,
    number: int,
    heartbeat: Heartbeat,
    *,
    is_image_there: bool = False,
    failed: Ending | None = None,
) -> Ending:
    """Attempts, from a first one on, until one succeeds or none is left; `failed` is how the last one ended.

    An attempt that cannot be started is no cause of its own where another one has failed before.
    """
    ground.stop_if_cancelled()
    with _refusals_are_failed_starts():
        lock_devices(ground)
        code = _snapshot(ground) if number == 1 else None  # every attempt has the code of the first
    while True:
        ground.stop_if_cancelled()
        try:
            plan = _start(ground, number, code, None if is_image_there else heartbeat)
        except (CheckFailed, StartFailed, UsageError) as error:
            if failed is None:
                raise
            words = f"attempt {number} could not be started: {error}"
            ground.course.events.write("error", message=words, hint=error.hint)
            return failed
        ending = _to_its_end(ground, plan, heartbeat)
        if not _may_restart(plan, number, ending):
            return ending
        number, failed, is_image_there = number + 1, ending, True
        ground.course.events.write("restart", attempt=number, delay=plan.policy.restart_delay)
        heartbeat.sleep(plan.policy.restart_delay)


def _start(ground: Ground, number: int, code: snapshot.Snapshot | None, delivery: Heartbeat | None) -> Plan:
    """Set an attempt up and start its ranks; with a heartbeat the image is delivered before."""
    with _refusals_are_failed_starts():
        plan = _set_up(ground, number, code)
        if delivery is not None:
            deliver_image(ground, plan, delivery)
    ground.stop_if_cancelled()
    start_gang(ground, plan)
    return plan


@contextmanager
def _refusals_are_failed_starts() -> Iterator[None]:
    try:
        yield
    except RemoteError as error:
        raise StartFailed(f"not all ranks could be started: {error}", hint=error.hint) from error
    except OSError as error:  # of this machine's disk
        words = f"not all ranks could be started: {error.filename}: {error.strerror}"
        raise StartFailed(words, hint="put that right on this machine, then start the run anew") from error


def _go_on(ground: Ground, number: int, heartbeat: Heartbeat) -> Ending:
    """An attempt that another supervisor began; one that it did not start wholly is begun anew."""
    plan = _stored_plan(ground, number)
    try:
        ending = _to_its_end(ground, plan, heartbeat)
    except StartFailed as error:
        ground.course.events.write("error", message=str(error), hint=None)
        return _go_through(ground, number + 1, heartbeat)
    if not _may_restart(plan, number, ending):
        return ending
    return _go_through(ground, number + 1, heartbeat, failed=ending)


def _stored_plan(ground: Ground, number: int) -> Plan:
    path = ground.directory.plan(number)
    return store.from_json(path.read_bytes(), str(path))


def _set_up(ground: Ground, number: int, code: snapshot.Snapshot | None) -> Plan:
    with ground.course.phase("bind", number):
        plan = bind(ground, number, code.digest if code else None)
        plan_json = upload.keep_plan(ground, plan)
    with ground.course.phase("upload", number):
        on_all(ground.hosts.values(), lambda host: upload.upload(ground, host, plan, plan_json, code))
    return plan


def _to_its_end(ground: Ground, plan: Plan, heartbeat: Heartbeat) -> Ending:
    ending = watch_gang(ground, plan, heartbeat)
    _fetch(ground, plan)
    members = tuple(ending.members.values())
    attempt = Attempt(int(plan.binding.attempt), members, ending.failure, ending.rivals)
    ground.course.attempts.append(attempt)
    return ending


def _fetch(ground: Ground, plan: Plan) -> None:
    """What cannot be fetched is said, and keeps the run from being called collected."""
    with ground.course.phase("collect", plan.binding.attempt):
        for fetch in (collect, collect_checkpoints):
            try:
                for each in fetch(ground.directory, ground.hosts.values(), plan):
                    for what in each.left_out:
                        words = f"host {each.host}: not collected: {what}"
                        ground.course.events.write("warning", message=words, hint=None)
            except LauncherError as error:
                ground.course.collected = False
                ground.course.events.write("error", message=str(error), hint=error.hint)


def _may_restart(plan: Plan, number: int, ending: Ending) -> bool:
    if ending.failure is None or number > plan.policy.restart_max:
        return False
    return not plan.policy.restart_exit_codes or ending.failure.exit_code in plan.policy.restart_exit_codes


def _snapshot(ground: Ground) -> snapshot.Snapshot | None:
    """The code as it is now; where it came from is kept with the inputs."""
    volume = ground.spec.job.volumes.get("code")
    if volume is None or volume.source is None:
        return None
    taken = snapshot.take(Path(volume.source))
    commit, difference = snapshot.git_state(taken.root)
    about = {"schema": 1, "source": str(taken.root), "sha256": taken.digest, "commit": commit}
    write_json(ground.directory.inputs / "code.json", about)
    write_atomically(ground.directory.inputs / "code.diff", difference)
    return taken
