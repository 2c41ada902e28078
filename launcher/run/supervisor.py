"""What the process that supervises a run does (run/standby.py starts it)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from launcher import remote
from launcher.errors import CheckFailed, ExitCode, LauncherError, LostContact
from launcher.files import write_json
from launcher.run.conductor import conduct
from launcher.run.course import Course
from launcher.run.events import EventLog
from launcher.run.ground import Ground, prepare
from launcher.run.reachable import end_where_hosts_answer
from launcher.run.result import Result, read_metrics
from launcher.run.rundir import RunDir
from launcher.spec.spec import Spec

_RESERVE = 1 << 20
"""Bytes; the result of a thousand ranks has a third of that."""


def supervise(directory: RunDir) -> ExitCode:
    """Take a run from where it is to its end. Does nothing where another one lives, or has done it."""
    with directory.supervisor_lock() as ours:
        if not ours:
            return ExitCode.USAGE
        if (ended_with := directory.exit_code()) is not None:
            return ExitCode(ended_with)
        course = Course(EventLog(directory.events))
        try:
            code, outcome = _supervise(directory, course)
        except LauncherError as error:
            course.events.write("error", message=str(error), hint=error.hint)
            code, outcome = error.exit_code, str(error).splitlines()[0]
        except BaseException as error:
            course.events.write(
                "error", message=f"the supervisor broke: {error!r}", hint="see supervisor.log"
            )
            course.events.write("end", exit_code=int(ExitCode.LOST_CONTACT), outcome="unknown")
            raise
        if code is not ExitCode.LOST_CONTACT:
            _keep_result(directory, course, code, outcome)
        course.events.write("end", exit_code=int(code), outcome=outcome)
        return code


def _supervise(directory: RunDir, course: Course) -> tuple[ExitCode, str]:
    remote.load_all()
    ground = _prepare(directory, course)
    course.events.write("supervisor", owner=ground.owner, epoch=ground.epoch)
    with _reserved_room(directory, course):
        ending = conduct(ground)
    if ending.code is ExitCode.OK and not course.collected:
        return ExitCode.CHECK_FAILED, "all ranks ended with 0, but not everything was collected"
    return ending.code, ending.words


@contextmanager
def _reserved_room(directory: RunDir, course: Course) -> Iterator[None]:
    """Others may fill the disk while ranks run; the end can be written all the same."""
    try:
        with open(directory.reserve, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, _RESERVE)
    except OSError as error:
        message = f"{directory.reserve}: {error.strerror}: the result may not be written here"
        course.events.write("warning", message=message, hint="make room there")
    try:
        yield
    finally:
        with suppress(OSError):
            directory.reserve.unlink()


def _prepare(directory: RunDir, course: Course) -> Ground:
    """Raises LostContact where ranks may live that this launcher cannot look after: that is not their end.

    Raises CheckFailed where a host of a new run cannot be reached: nothing of it is anywhere.
    """
    is_new = directory.is_untouched()
    spec = Spec.from_json(directory.spec.read_text("utf-8"), str(directory.spec))
    try:
        with course.phase("connect"):
            return prepare(directory, spec, course)
    except LauncherError as error:
        if isinstance(error, LostContact) and is_new:
            raise CheckFailed(str(error), hint=error.hint) from error
        if isinstance(error, LostContact) and directory.attempts() and directory.cancel_request.exists():
            where = end_where_hosts_answer(directory, spec, course)
            raise LostContact(f"{where}: {error}", hint=error.hint) from error
        if isinstance(error, LostContact) or not directory.attempts():
            raise
        raise LostContact(f"the run cannot be taken over: {error}", hint=error.hint) from error


def _keep_result(directory: RunDir, course: Course, code: ExitCode, outcome: str) -> None:
    """What cannot be written is told; the hosts know the code."""
    try:
        _write_result(directory, course, code, outcome)
    except LauncherError as error:
        course.events.write("error", message=str(error), hint=error.hint)
    except OSError as error:
        hint = f"make room there, then: launcher attach {directory.run_id}"
        course.events.write("error", message=f"{directory.result}: {error.strerror}", hint=hint)


def _write_result(directory: RunDir, course: Course, code: ExitCode, outcome: str) -> None:
    result = Result(
        run=directory.run_id,
        job=directory.read(directory.about)["job"],
        exit_code=int(code),
        outcome=outcome,
        attempts=tuple(course.attempts),
        seconds=course.seconds,
        metrics=read_metrics(directory.path / "LOG0" / "metrics.jsonl"),
        collected=course.collected,
    )
    write_json(directory.result, result.to_json())
