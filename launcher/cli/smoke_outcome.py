"""The end of a smoke run, as `smoke` and whatever else follows the run to its end print it."""

from __future__ import annotations

from launcher.cli.output import print_json
from launcher.cli.smoke_text import failure_lines, print_report
from launcher.cli.summary import print_result
from launcher.errors import ExitCode
from launcher.logs.sources import load_plan
from launcher.run.rundir import RunDir
from launcher.smoke.findings import read_findings
from launcher.smoke.report import Report, report


def print_outcome(directory: RunDir, code: int) -> None:
    """What was measured; of a run that failed also its result and how far each rank came."""
    found = _report(directory)
    if found is not None and found.sizes:
        print_report(found)
    if code != ExitCode.OK and directory.result.exists():
        print_result(directory)
        for line in failure_lines(found) if found is not None else ():
            print(line)


def print_outcome_as_json(directory: RunDir, code: int) -> None:
    """The same for programs."""
    found = _report(directory)
    measured = {"schema": 1} if found is None else found.to_json()
    print_json({**measured, "run": directory.run_id, "exit_code": code})


def _report(directory: RunDir) -> Report | None:
    """None where no rank has begun."""
    if not directory.attempts():
        return None
    plan = load_plan(directory, directory.attempts()[-1])
    hosts = {member.rank: member.host for member in plan.members if member.rank is not None}
    return report(read_findings(directory, plan), hosts)
