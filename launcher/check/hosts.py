"""Hosts asked for facts, all at once, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from launcher.check.engine import ask_engine
from launcher.check.facts import Facts, parse_facts
from launcher.check.model import Finding, Level, in_words
from launcher.check.needs import HostNeeds, of_job
from launcher.check.packages import distributions
from launcher.check.rules import judge
from launcher.claims import locks
from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Endpoint, Host, HostError, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.plan.model import Plan
from launcher.remote import script
from launcher.spec.spec import Spec

_TIMEOUT = 60.0
_PORTS = [str(port) for port in range(20000, 32000, 600)]


def check_hosts(spec: Spec, draft: Plan, hosts: Mapping[str, Host]) -> list[Finding]:
    """Check before a run; returns the warnings. Devices that are held are left to the lock phase.

    Raises CheckFailed that lists every error with its remedy, SpecError.
    """
    needs = {label: replace(each, locks=()) for label, each in of_job(spec, draft).items()}
    findings = [*examine_here(spec), *examine(needs, hosts)]
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if errors:
        raise CheckFailed(in_words(errors))
    return findings


def examine_here(spec: Spec) -> list[Finding]:
    """What the launching machine lacks: the code that a snapshot is taken of."""
    volume = spec.job.volumes.get("code")
    if volume is None or volume.source is None or Path(volume.source).is_dir():
        return []
    words = f"volume code: {volume.source} is not a directory"
    remedy = "name the directory that holds the job's code: --set volumes.code.source=…"
    return [Finding("this machine", "volumes", Level.ERROR, words, remedy)]


def examine_at(needs: Mapping[str, HostNeeds], endpoints: Mapping[str, Endpoint]) -> list[Finding]:
    """As `examine`, for hosts that are not connected yet: those that something is needed of."""

    def examine_host(host: Host) -> list[Finding]:
        try:
            return _examine_host(host, needs[host.label])
        finally:
            host.close()  # at once: thousands of connections take memory and time

    return _all_findings(try_on_all([connect(endpoints[label]) for label in needs], examine_host))


def examine(needs: Mapping[str, HostNeeds], hosts: Mapping[str, Host]) -> list[Finding]:
    """Everything that hosts lack, in the order of `hosts`; one that does not answer is a finding, too."""
    return _all_findings(try_on_all(hosts.values(), lambda host: _examine_host(host, needs[host.label])))


def _all_findings(outcomes: Mapping[str, list[Finding] | LauncherError]) -> list[Finding]:
    return [
        finding
        for label, outcome in outcomes.items()
        for finding in ([_failed(label, outcome)] if isinstance(outcome, LauncherError) else outcome)
    ]


def _examine_host(host: Host, needs: HostNeeds) -> list[Finding]:
    return judge(host.label, needs, gather(host, needs))


def gather(host: Host, needs: HostNeeds) -> Facts:
    """What a host says of itself. Raises HostError, RemoteError."""
    paths = [source.path for source in needs.sources]
    words = [needs.work_dir or "", "yes" if needs.secrets else "no", needs.path]
    words += [str(len(paths)), *paths, str(len(needs.paths)), *needs.paths]
    done = checked(host, script("check"), *words, *_python_words(needs), timeout=_TIMEOUT)
    facts = parse_facts(done.out)
    if not needs.processes:
        facts = replace(facts, engine=ask_engine(host, needs))
    if needs.scheduler and (port := host.run(script("free_port"), *_PORTS)).code:
        facts = replace(facts, no_port=port.err.strip())
    return replace(facts, holders=tuple(locks.show(host, needs.locks))) if needs.locks else facts


def _python_words(needs: HostNeeds) -> list[str]:
    """The command that asks Python for its packages, with the environment that ranks get."""
    if not needs.packages:
        return []
    variables = [f"{name}={value}" for name, value in needs.env]
    command = ["/bin/sh", "-c", script("packages"), "launcher", needs.python or ""]
    return [*variables, *command, *distributions(needs.packages)]


def _failed(label: str, error: LauncherError) -> Finding:
    words = str(error).removeprefix(f"host {label}: ")
    is_contact = isinstance(error, HostError)
    remedy = error.hint or (
        "reach it by hand first, as in the cluster file" if is_contact else "see what the host says"
    )
    return Finding(label, "contact" if is_contact else "host", Level.ERROR, words, remedy)
