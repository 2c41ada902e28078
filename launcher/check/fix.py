"""Remedies as a shell script for people: nothing here runs anything. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from shlex import join, quote

from launcher.check.model import Finding

_HEAD = """\
#!/bin/sh
# What would mend what `launcher check` has found: {name}.
# Nothing of this has been run. Read it, then run the part of a host on that host:
#     ssh HOST sh -s HOST <THIS_FILE
# Lines that begin with as_root need root. Comments say why;
# where only a comment stands, a person must decide.
set -eu
as_root() {{
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}}
case ${{1:?the host whose part is meant, as it is called in the cluster file}} in
"""
_TAIL = """\
*)
    echo "nothing is to be mended on $1" >&2
    ;;
esac
"""


def fix_script(name: str, findings: Sequence[Finding]) -> str:
    """A script with a part for each host, in the order of the findings; `name` says what has been checked."""
    hosts = list(dict.fromkeys(finding.host for finding in findings))
    in_order = sorted(findings, key=lambda finding: hosts.index(finding.host))
    parts = groupby(in_order, key=lambda finding: finding.host)
    body = "".join(line for host, found in parts for line in _part(host, found))
    return _HEAD.format(name=_comment(name)) + body + _TAIL


def _part(host: str, findings: Iterator[Finding]) -> Iterator[str]:
    yield f"{quote(host)})\n"
    seen = set()
    for finding in findings:
        yield f"    # {finding.level.value}: {_comment(f'{finding.rule}: {finding.words}')}\n"
        yield f"    # remedy: {_comment(finding.remedy)}\n"
        for command in finding.fix.commands if finding.fix else ():
            if command not in seen:
                seen.add(command)
                yield f"    {'as_root ' if finding.fix and finding.fix.root else ''}{join(command)}\n"
    yield "    ;;\n"


def _comment(words: str) -> str:
    """On one line, whatever a host has said: nothing of it becomes a command."""
    return "".join(each if each.isprintable() else " " for each in words)
