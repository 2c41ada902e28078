"""All stages in a row: hosts asked, an address chosen, changes found, the text edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from launcher.discover.changes import Change, Known, changes, device_kind
from launcher.discover.draft import Draft, draft_of
from launcher.discover.edit import edited
from launcher.discover.facts import Facts
from launcher.discover.judge import problems, warnings
from launcher.discover.network import Choice, Network, choose
from launcher.errors import LauncherError, UsageError

Ask = Callable[[Choice], "Network | None"]
"""Which of several networks is meant; None where nobody can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What has been found out about a cluster file."""

    draft: Draft
    known: Known
    failures: Mapping[str, LauncherError]
    """Of hosts that did not answer."""
    changes: tuple[Change, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    text: str
    """Of the file with all changes."""

    @property
    def is_whole(self) -> bool:
        """Whether every host answered and everything could be found out."""
        return not self.failures and not self.problems

    def diff(self) -> str:
        """From the file to the text, unified; empty where nothing changes."""
        old, new = (text.splitlines(keepends=True) for text in (self.draft.text, self.text))
        lines = unified_diff(old, new, self.draft.path, self.draft.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )


def survey(
    draft: Draft,
    outcomes: Mapping[str, Facts | LauncherError],
    environ: Mapping[str, str],
    *,
    within: Network | None = None,
    ask: Ask = lambda choice: None,
) -> Survey:
    """What the file should say after its hosts have been asked. Pure, but for what `ask` does."""
    facts = {label: each for label, each in outcomes.items() if isinstance(each, Facts)}
    choice = _addresses(draft, facts, within, ask)
    known = Known(facts, choice.settled)
    found = changes(draft, known)
    kind = device_kind(draft, facts.values())
    text = edited(draft, found) if found else draft.text
    _verify(draft, known, text, environ)
    return Survey(
        draft=draft,
        known=known,
        failures={label: each for label, each in outcomes.items() if isinstance(each, LauncherError)},
        changes=found,
        problems=tuple(problems(draft, known, choice, kind)),
        warnings=tuple(warnings(draft, known, kind)),
        text=text,
    )


def _addresses(draft: Draft, facts: Mapping[str, Facts], within: Network | None, ask: Ask) -> Choice:
    hosts = draft.cluster.hosts
    if len(hosts) == 1 and hosts[0].is_this_machine:
        return Choice({})  # nobody is to be reached
    interfaces = {label: each.interfaces for label, each in facts.items()}
    written = {host.label: host.host_ip for host in hosts if host.host_ip is not None}
    choice = choose(interfaces, written, within)
    if choice.networks and (wanted := ask(choice)) is not None:
        return choose(interfaces, written, wanted)
    return choice


def _verify(draft: Draft, known: Known, text: str, environ: Mapping[str, str]) -> None:
    """What has been edited says what was meant, before anybody writes it. Raises UsageError."""
    left = changes(draft_of(text, draft.path, environ), known)
    if left:
        keys = ", ".join(".".join(change.path) for change in left)
        raise UsageError(
            f"{draft.path}: the edited text would not say what it should ({keys}); nothing has been written",
            hint="this is a mistake of the launcher: write these values by hand, and report it with the file",
        )
