"""What hosts know of runs, whoever launched them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from launcher.claims.lease import Lease
from launcher.errors import LauncherError
from launcher.hosts import Host, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import try_on_all
from launcher.plan.layout import default_work_dir
from launcher.remote import script
from launcher.run.ground import owner_on
from launcher.status.state import Trace


@dataclass(frozen=True, slots=True)
class Place:
    """A work directory of a host; None is the user's default there."""

    address: str
    work_dir: str | None


def parse_traces(text: str) -> list[Trace]:
    """Lines of runs.sh: run, epoch, age of the lease, exit code or -, latest attempt, living, owner."""
    traces = []
    for line in text.splitlines():
        run, epoch, age, code, attempt, living, *owner = line.split(maxsplit=6)
        lease = Lease(int(epoch), float(age), owner[0] if owner else "")
        traces.append(Trace(run, lease, None if code == "-" else int(code), int(attempt), int(living)))
    return traces


def ask(places: Iterable[Place]) -> dict[Place, list[Trace] | LauncherError]:
    """The runs in each place, or why its host does not tell; all hosts at once."""
    wanted = list(dict.fromkeys(places))
    hosts, answers = [], dict[Place, list[Trace] | LauncherError]()
    for address in dict.fromkeys(place.address for place in wanted):
        try:
            hosts.append(connect(address, address))
        except LauncherError as error:
            answers |= {place: error for place in wanted if place.address == address}
    told = try_on_all(
        hosts, lambda host: _tell(host, [each for each in wanted if each.address == host.label])
    )
    for label, outcome in told.items():
        here = [place for place in wanted if place.address == label]
        answers |= dict.fromkeys(here, outcome) if isinstance(outcome, LauncherError) else outcome
    for host in hosts:
        host.close()
    return {place: answers[place] for place in wanted}


def _tell(host: Host, places: Iterable[Place]) -> dict[Place, list[Trace] | LauncherError]:
    return {place: _traces(host, place) for place in places}


def _traces(host: Host, place: Place) -> list[Trace]:
    work_dir = place.work_dir or default_work_dir(owner_on(host).uid)
    return parse_traces(checked(host, script("runs"), work_dir).out)
