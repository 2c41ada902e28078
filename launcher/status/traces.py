"""What hosts know of runs, whoever launched them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from launcher.claims.lease import Lease
from launcher.errors import LauncherError
from launcher.hosts import Endpoint, Host, connect
from launcher.hosts.fence import checked
from launcher.hosts.fleet import IN_FLIGHT
from launcher.hosts.owner import owner_on
from launcher.plan.layout import default_work_dir
from launcher.remote import script
from launcher.status.state import Trace


@dataclass(frozen=True, slots=True)
class Place:
    """A work directory of a host; None is the user's default there."""

    endpoint: Endpoint
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
    wanted: dict[Endpoint, list[Place]] = {}
    for place in dict.fromkeys(places):
        wanted.setdefault(place.endpoint, []).append(place)
    with ThreadPoolExecutor(max_workers=IN_FLIGHT) as pool:
        told = pool.map(_tell, wanted.keys(), wanted.values())
        return {place: answer for answers in told for place, answer in answers.items()}


def _tell(endpoint: Endpoint, places: Iterable[Place]) -> Mapping[Place, list[Trace] | LauncherError]:
    host = connect(endpoint)
    try:
        return {place: _traces(host, place) for place in places}
    except LauncherError as error:
        return dict.fromkeys(places, error)
    finally:
        host.close()


def _traces(host: Host, place: Place) -> list[Trace]:
    work_dir = place.work_dir or default_work_dir(owner_on(host).uid)
    return parse_traces(checked(host, script("runs"), work_dir).out)
