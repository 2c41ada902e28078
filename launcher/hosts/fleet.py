"""The same action on all hosts at once; every outcome is gathered, then reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from launcher.errors import LauncherError, LostContact
from launcher.hosts import DockerSilent, Host
from launcher.hosts.fence import Fenced

IN_FLIGHT = 64
Result = TypeVar("Result")


def on_all(hosts: Iterable[Host], action: Callable[[Host], Result]) -> dict[str, Result]:
    """Results by host label. Raises the gravest error; its message names all that failed."""
    outcomes = try_on_all(hosts, action)
    errors = [outcome for outcome in outcomes.values() if isinstance(outcome, LauncherError)]
    if errors:
        raise together(errors)
    return {label: outcome for label, outcome in outcomes.items() if not isinstance(outcome, LauncherError)}


def try_on_all(hosts: Iterable[Host], action: Callable[[Host], Result]) -> dict[str, Result | LauncherError]:
    """Result or error of each host, by label."""

    def outcome(host: Host) -> Result | LauncherError:
        try:
            return action(host)
        except LauncherError as error:
            return error

    listed = list(hosts)
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        return dict(zip((host.label for host in listed), pool.map(outcome, listed), strict=True))


def together(errors: Sequence[LauncherError]) -> LauncherError:
    """One error that says all; of the class of the gravest, the first of them in host order.

    Gravest is a lost lease, after which nothing may be changed, then a host whose state is not known, then a
    Docker that is silent.
    """
    gravest = min(errors, key=_mildness)
    if len(errors) == 1:
        return gravest
    hints = {error.hint for error in errors}
    if len(hints) == 1:
        return type(gravest)("\n".join(dict.fromkeys(map(str, errors))), hint=gravest.hint)
    return type(gravest)(
        "\n".join(f"{error}\n  next: {error.hint}" if error.hint else str(error) for error in errors)
    )


def _mildness(error: LauncherError) -> tuple[bool, bool, bool]:
    return not isinstance(error, Fenced), not isinstance(error, LostContact), isinstance(error, DockerSilent)
