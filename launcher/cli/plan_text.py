"""A plan as a person reads it: host by host, in at most 100 columns where names allow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import wrap

from launcher.plan.containers import docker_words
from launcher.plan.environment import identity
from launcher.plan.layout import LOCKS, PLAN, log_name
from launcher.plan.model import Container, HostPlan, Member, Plan
from launcher.plan.scripts import quote

_WIDTH = 100
_LABEL = 14
_PLACEHOLDERS = {
    "@RUN@": "the run id",
    "@ATTEMPT@": "the number of the attempt",
    "@SCHEDULER_PORT@": "a free port",
    "@CODE@": "the hash of the code snapshot",
    "@UID@": "the user's id on the host",
    "@GID@": "the group's id on the host",
}
_ROOT = ("root", "0", "root:root", "0:0")


def describe(plan: Plan) -> Iterator[str]:
    """Lines of the whole plan."""
    yield from _head(plan)
    yield from ("", "policy", *_policy(plan))
    for host in plan.hosts:
        yield ""
        yield f"host {host.label}" + ("" if host.address == host.label else f" ({host.address})")
        yield from _host(plan, host)
    first = next(member for member in plan.members if member.rank is not None)
    yield from ("", f"environment of rank {first.key}")
    yield from (f"  {name}={quote(value)}" for name, value in first.environment)
    if plan.rank_table is not None:
        yield from ("", "rank table", *(f"  {line}" for line in plan.rank_table.splitlines()))


def _head(plan: Plan) -> Iterator[str]:
    hosts = "1 host" if len(plan.hosts) == 1 else f"{len(plan.hosts)} hosts"
    ranks = "1 rank" if plan.ranks == 1 else f"{plan.ranks} ranks"
    yield f"job {plan.job} on cluster {plan.cluster}: {ranks} on {hosts}"
    yield from _entry("device", plan.device)
    yield from _entry("runtime", plan.runtime)
    yield from _entry("launch", plan.launch)
    yield from _entry("digest", plan.digest)
    shown = _everything_bound(plan)
    names = [f"{name} {meaning}" for name, meaning in _PLACEHOLDERS.items() if name in shown]
    if names:
        yield from _entry("run fills in", *(f"{name}," for name in names[:-1]), names[-1])


def _everything_bound(plan: Plan) -> str:
    """All texts where a placeholder can stand."""
    of_hosts = (text for host in plan.hosts for text in (*host.directories, *_texts(host)))
    first = plan.members[0]
    user = first.container.user if first.container else ""
    return " ".join((*of_hosts, user, *(value for _, value in first.environment)))


def _texts(host: HostPlan) -> tuple[str, ...]:
    return (host.code_dir or "", host.secrets_file or "")


def _policy(plan: Plan) -> Iterator[str]:
    policy = plan.policy
    if policy.on_failure == "stop_all":
        yield from _entry("failed rank", f"ends all: TERM, KILL after {policy.stop_grace:g} s")
    else:
        yield from _entry("failed rank", "the others go on")
    yield from _entry("cancel", f"TERM, KILL after {policy.cancel_grace:g} s")
    yield from _entry("start", f"all ranks within {policy.start_timeout:g} s")
    limit = "no limit" if policy.run_timeout is None else f"at most {policy.run_timeout:g} s"
    yield from _entry("time", limit)
    codes = ", ".join(map(str, policy.restart_exit_codes)) or "any exit code"
    again = (
        f"{policy.restart_max}, {policy.restart_delay:g} s after {codes}" if policy.restart_max else "none"
    )
    yield from _entry("restarts", again)
    yield from _entry("collect", *policy.collect)
    if plan.secrets:
        yield from _entry("secrets", *plan.secrets)


def _host(plan: Plan, host: HostPlan) -> Iterator[str]:
    members = plan.members_of(host)
    yield from _entry("directory", host.attempt_dir)
    if host.code_dir:
        yield from _entry("code", host.code_dir)
    if host.secrets_file:
        yield from _entry("secrets", host.secrets_file)
    if host.locks:
        yield from _entry("locks", *(f"{LOCKS}/{name}" for name in host.locks))
    yield from _entry("makes", *(_shown(host, path) for path in host.directories))
    yield from _entry("gets", PLAN, *plan.files_of(host))
    yield from _table(plan, members)
    yield from _notes(members)
    for _, alike in groupby(members, key=lambda member: member.rank is None):
        yield from _start(plan, list(alike), host)


def _shown(host: HostPlan, path: str) -> str:
    """Without the attempt's directory, which has been named."""
    return path.removeprefix(f"{host.attempt_dir}/")


def _table(plan: Plan, members: Iterable[Member]) -> Iterator[str]:
    rows = [("RANK", "DEVICE", "LOGS", "CONTAINER" if plan.runtime == "docker" else "")]
    for member in members:
        device = "-" if member.device is None else str(member.device)
        name = member.container.name if member.container else ""
        rows.append((member.key, device, log_name(member.key), name))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _notes(members: Iterable[Member]) -> Iterator[str]:
    for member in members:
        spec = member.container
        if spec and (spec.devices or spec.runtime) and not spec.groups and spec.user not in _ROOT:
            yield from _entry(
                "note",
                "no device_gid: ranks may not be allowed to open the NPUs; launcher discover fills it in",
            )
            return


def _start(plan: Plan, members: list[Member], host: HostPlan) -> Iterator[str]:
    first, rest = members[0], members[1:]
    yield f"  starts {_name(first)} by"
    yield from _container(first.container, host.sudo) if first.container else _process(plan, first, host)
    if rest:
        others = _name(rest[0]) if len(rest) == 1 else f"ranks {rest[0].key} to {rest[-1].key}"
        yield f"  and {others} alike: launcher plan --script {quote(host.label)} shows all"


def _name(member: Member) -> str:
    return "the scheduler" if member.rank is None else f"rank {member.key}"


def _container(spec: Container, sudo: bool) -> Iterator[str]:
    words = docker_words(spec, sudo=sudo)
    begin = words.index("--detach") + 1
    options = [quote(word) for word in words[begin:]]
    yield f"    {' '.join(words[:begin])} \\"
    yield from (f"      {line} \\" for line in options[:-2])
    yield f"      {' '.join(options[-2:])}"


def _process(plan: Plan, member: Member, host: HostPlan) -> Iterator[str]:
    known_by = [f"{name}={value}" for name, value in identity(plan.binding, member.key)]
    yield f"    env -i HOME=… PATH=… {quote(known_by)} \\"
    yield f"      setsid /bin/sh {quote(f'{host.attempt_dir}/{member.script}')}"


def _entry(label: str, *words: str) -> list[str]:
    """A label and what belongs to it; words are never broken."""
    glued = " ".join(word.replace(" ", "\0") for word in words) if len(words) > 1 else "".join(words)
    head = f"  {label.ljust(_LABEL)}"
    lines = wrap(
        glued,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]
