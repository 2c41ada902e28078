"""Hosts asked for facts, all at once, and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from launcher.check.engine import ask_engine
from launcher.check.facts import Engine, Facts, parse_facts, read_lines
from launcher.check.host_needs import HostNeeds
from launcher.check.judge import judge, judge_together
from launcher.check.model import Finding, Level, in_words
from launcher.check.needs import before_a_run, of_job
from launcher.check.npu_facts import NpuFacts, is_unclear, parse_npus
from launcher.check.npu_needs import NpuNeeds
from launcher.check.offers import with_image_here
from launcher.check.questions import check_script, words, words_about_chips, words_about_files
from launcher.check.rules.fleet import Examined
from launcher.check.trees import Tree
from launcher.errors import CheckFailed, LauncherError
from launcher.hosts import Endpoint, Host, HostError, connect
from launcher.hosts.base import CHANNELS
from launcher.hosts.clock import Clock, measure
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.plan.model import Plan
from launcher.spec.spec import Spec

_TIMEOUT = 90.0
_DEEP_TIMEOUT = 7 * 24 * 3600.0
"""Whole data sets are read."""

Outcomes = Mapping[str, "Facts | LauncherError"]
Result = TypeVar("Result")
Action = Callable[[Host], Result]


def check_hosts(
    spec: Spec, draft: Plan, hosts: Mapping[str, Host], clocks: Mapping[str, Clock] | None = None
) -> list[Finding]:
    """Check before a run; returns the warnings. Devices that are held are left to the lock phase.

    Raises CheckFailed that lists every error with its remedy, SpecError.
    """
    needs = {label: before_a_run(each) for label, each in of_job(spec, draft).items()}
    findings = [*examine_here(spec), *examine(needs, hosts, clocks)]
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
    hosts = {label: connect(endpoints[label]) for label in needs}
    return _examine(needs, hosts, {}, _closing)


def examine(
    needs: Mapping[str, HostNeeds], hosts: Mapping[str, Host], clocks: Mapping[str, Clock] | None = None
) -> list[Finding]:
    """Everything that hosts lack, in the order of `hosts`, then in what they differ.

    A host that does not answer is a finding, too. Clocks are measured where none are given.
    """
    return _examine(needs, hosts, clocks or {}, lambda action: action)


def _closing(action: Action[Result]) -> Action[Result]:
    def act(host: Host) -> Result:
        try:
            return action(host)
        finally:
            host.close()  # at once: thousands of connections take memory and time

    return act


def _examine(
    needs: Mapping[str, HostNeeds],
    hosts: Mapping[str, Host],
    clocks: Mapping[str, Clock],
    around: Callable[[Action[Facts]], Action[Facts]],
) -> list[Finding]:
    def ask(host: Host) -> Facts:
        return gather(host, needs[host.label], clocks.get(host.label))

    outcomes = dict(try_on_all(hosts.values(), around(ask)))
    if differing := _differing(needs, outcomes):
        known = _known(outcomes)

        def ask_again(host: Host) -> Facts:
            return _look_closer(host, needs[host.label], differing, known[host.label])

        again = [hosts[label] for label in known]
        for label, outcome in try_on_all(again, around(ask_again)).items():
            outcomes[label] = _closer(label, known[label], differing, outcome)
    return _all_findings(with_image_here(needs, _known(outcomes)), outcomes)


def _all_findings(needs: Mapping[str, HostNeeds], outcomes: Outcomes) -> list[Finding]:
    fleet = {label: Examined(needs[label], facts) for label, facts in _known(outcomes).items()}
    alone = [
        finding
        for label, outcome in outcomes.items()
        for finding in (
            [_failed(label, outcome)]
            if isinstance(outcome, LauncherError)
            else judge(label, needs[label], outcome)
        )
    ]
    return [*alone, *judge_together(fleet)]


def _known(outcomes: Outcomes) -> dict[str, Facts]:
    return {label: facts for label, facts in outcomes.items() if not isinstance(facts, LauncherError)}


def gather(host: Host, needs: HostNeeds, clock: Clock | None = None) -> Facts:
    """What a host says of itself. Raises HostError, RemoteError."""
    sessions = host.sessions()
    if clock is None and needs.hosts > 1:
        clock = measure(host, looks=1)
    side_by_side = sessions is None or sessions == CHANNELS
    facts, engine = _script_and_docker(host, needs, side_by_side)
    return replace(facts, engine=engine, sessions=sessions, clock=clock)


def _script_and_docker(host: Host, needs: HostNeeds, side_by_side: bool) -> tuple[Facts, Engine | None]:
    if needs.processes:
        return _run_script(host, needs), None
    if not side_by_side:
        return _run_script(host, needs), ask_engine(host, needs)
    with ThreadPoolExecutor(max_workers=1) as beside:
        engine = beside.submit(ask_engine, host, needs)
        return _run_script(host, needs), engine.result()


def _run_script(host: Host, needs: HostNeeds) -> Facts:
    timeout = _DEEP_TIMEOUT if needs.is_deep else _TIMEOUT
    done = checked(host, check_script(), *words(needs), timeout=timeout)
    facts = replace(parse_facts(done.out, needs.compared), greeting=done.greeting)
    return replace(facts, npus=_npus(host, needs, needs.npus, done.out)) if needs.npus else facts


def _npus(host: Host, needs: HostNeeds, npus: NpuNeeds, said: str) -> NpuFacts:
    """With a second question where something is wrong with a chip of which it is not certain which it is."""
    lines = read_lines(said)
    if is_unclear(lines, npus):
        again = checked(host, check_script(), *words_about_chips(needs, npus), timeout=_TIMEOUT)
        lines = [*(line for line in lines if line[0] != "npu_smi"), *read_lines(again.out)]
    return parse_npus(lines, npus)


def _differing(needs: Mapping[str, HostNeeds], outcomes: Outcomes) -> list[str]:
    """Volumes that are not the same on all hosts, and of whose files nothing is known yet."""
    digests: dict[str, set[str]] = {}
    for label, facts in _known(outcomes).items():
        for path, tree in facts.trees.items() if not needs[label].is_deep else ():
            if tree is not None:
                digests.setdefault(path, set()).add(tree.digest)
    return [path for path, found in digests.items() if len(found) > 1]


def _look_closer(host: Host, needs: HostNeeds, paths: list[str], facts: Facts) -> Facts:
    """The same facts, with the files of these volumes. Raises HostError, RemoteError."""
    asked = [path for path in paths if facts.trees.get(path) is not None]
    done = checked(host, check_script(), *words_about_files(needs, asked), timeout=_TIMEOUT)
    closer = parse_facts(done.out, asked).trees
    trees = {path: _with_files(tree, closer.get(path)) for path, tree in facts.trees.items()}
    slow = [path for path in asked if closer.get(path) is None]
    return replace(facts, trees=trees, unlisted=dict.fromkeys(slow, "it took too long"))


def _with_files(tree: Tree | None, closer: Tree | None) -> Tree | None:
    return replace(tree, sizes=closer.sizes, sums=closer.sums) if tree and closer else tree


def _closer(label: str, facts: Facts, paths: list[str], outcome: Facts | LauncherError) -> Facts:
    """A second look that failed takes nothing of the first away."""
    if not isinstance(outcome, LauncherError):
        return outcome
    return replace(facts, unlisted=dict.fromkeys(paths, _words_of(label, outcome)))


def _words_of(label: str, error: LauncherError) -> str:
    return str(error).removeprefix(f"host {label}: ")


def _failed(label: str, error: LauncherError) -> Finding:
    is_contact = isinstance(error, HostError)
    remedy = error.hint or (
        "reach it by hand first, as in the cluster file" if is_contact else "see what the host says"
    )
    return Finding(label, "contact" if is_contact else "host", Level.ERROR, _words_of(label, error), remedy)
