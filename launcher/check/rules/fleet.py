"""What must be equal on all hosts that work together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from shlex import join
from statistics import median_low

from launcher.check.facts import Facts
from launcher.check.host_needs import HostNeeds, Source
from launcher.check.model import Complaint, Fix, Level, as_root, error, warning
from launcher.check.trees import Tree, difference
from launcher.equal import minority
from launcher.spec.job import Launch
from launcher.spec.wording import some

_SKEW = 1.0
"""Seconds between clocks from which on times in logs of different hosts mislead."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is needed of a host, and what it has."""

    needs: HostNeeds
    facts: Facts


Fleet = Mapping[str, Examined]
"""All hosts that have answered, by label."""
Complaints = Iterator[tuple[str, Complaint]]
"""Label of the host, and what is wrong with it."""


def architecture(fleet: Fleet) -> Complaints:
    """One for all, or images and binaries must be there for each."""
    yield from _odd(
        fleet, lambda facts: facts.machine, "its architecture is", "use hosts of one architecture"
    )


def engine(fleet: Fleet) -> Complaints:
    """One version of Docker."""
    remedy = "install the same version everywhere; docker version says more"
    yield from _odd(fleet, lambda facts: facts.engine.version if facts.engine else "", "Docker is", remedy)


def driver(fleet: Fleet) -> Complaints:
    """One version of the Ascend driver: HCCL and CANN are made for it."""
    remedy = "install the same driver and firmware everywhere (npu-smi info)"
    yield from _odd(fleet, lambda facts: facts.driver, "the Ascend driver is", remedy)


def _odd(fleet: Fleet, value_of: Callable[[Facts], str], words: str, remedy: str) -> Complaints:
    """Hosts whose value is not that of the most; one that does not tell is none of them."""
    values = {label: value_of(each.facts) for label, each in fleet.items()}
    for label, most in minority(values):
        yield label, warning(f"{words} {values[label]}, but {values[most[0]]} on {some(most)}", remedy)


def tls(fleet: Fleet) -> Complaints:
    """All NPUs have the same switch: HCCL refuses to connect the others (EI0016)."""
    switches = {
        (label, device): port.tls
        for label, each in fleet.items()
        for device, port in (each.facts.npus.ports.items() if each.facts.npus else ())
        if port.tls is not None
    }
    for (label, device), most in minority(switches):
        common = switches[most[0]]
        elsewhere = some(list(dict.fromkeys(host for host, _ in most)))
        words = f"the TLS switch of NPU {device} is {switches[label, device]}, but {common} on {elsewhere}"
        npus = fleet[label].needs.npus
        tool = npus.hccn_tool if npus else "hccn_tool"
        command = (tool, "-i", str(device), "-tls", "-s", "enable", common)
        level = Level.WARNING if npus and npus.launch is Launch.NONE else Level.ERROR
        remedy = f"HCCL connects no NPUs that differ: {join(command)}"
        yield label, Complaint(level, words, remedy, as_root(command))


def clocks(fleet: Fleet) -> Complaints:
    """They agree, so that times in logs can be compared."""
    known = {label: each.facts.clock for label, each in fleet.items() if each.facts.clock is not None}
    if len(known) < 2:
        return
    middle = median_low(clock.skew for clock in known.values())
    reference = next(label for label, clock in known.items() if clock.skew == middle)
    for label, clock in known.items():
        apart, error_ = clock.skew - middle, clock.error + known[reference].error
        if abs(apart) - error_ > _SKEW:
            side = "ahead of" if apart > 0 else "behind"
            words = f"its clock is {abs(apart):.1f} s {side} that of {reference} (known to {error_:.2g} s)"
            remedy = "let it be set from the network: timedatectl set-ntp true, or chronyc makestep"
            yield label, warning(words, remedy, as_root(("timedatectl", "set-ntp", "true")))


def data(fleet: Fleet) -> Complaints:
    """Volumes that are only read hold the same everywhere: names, sizes, content as far as was looked."""
    for volume in _volumes(fleet, lambda source: not source.writable):
        trees = {
            label: each.facts.trees[source.path]
            for label, (each, source) in volume.items()
            if source.path in each.facts.trees
        }
        yield from _unlisted(volume)
        yield from _other_data(volume, trees)


def _unlisted(volume: Mapping[str, tuple[Examined, Source]]) -> Complaints:
    for label, (each, source) in volume.items():
        if why := each.facts.unlisted.get(source.path):
            words = f"volume {source.volume}: {source.path}: which files differ is not known: {why}"
            yield label, warning(words, "try again, or compare it whole, once: launcher check JOB --deep")


def _other_data(
    volume: Mapping[str, tuple[Examined, Source]], trees: Mapping[str, Tree | None]
) -> Complaints:
    compared = {label: tree for label, tree in trees.items() if tree is not None}
    for label in trees.keys() - compared.keys():
        source = volume[label][1]
        words = f"volume {source.volume}: {source.path} has not been compared: it took too long"
        yield label, warning(words, "compare it whole, once: launcher check JOB --deep")
    for label, most in minority({label: tree.digest for label, tree in compared.items()}):
        source, like = volume[label][1], most[0]
        words = f"volume {source.volume}: {source.path} is other than on {some(most)}: "
        words += difference(compared[label], compared[like])
        level = Level.ERROR if source.must_be_equal else Level.WARNING
        end = "" if compared[like].is_file else "/"
        there, here = (each.path.rstrip("/") + end for each in (volume[like][1], source))
        fix = Fix((("rsync", "-a", "--delete", "--dry-run", f"{like}:{there}", here),))
        remedy = (
            f"copy it from {like}: rsync -a --delete; the script of --fix only shows what that would change"
        )
        yield label, Complaint(level, words, remedy, fix)


def shared(fleet: Fleet) -> Complaints:
    """A volume that ranks write, and that is on NFS somewhere, is the same one everywhere."""
    for volume in _volumes(fleet, lambda source: source.writable):
        places = {label: _place_of(each, source) for label, (each, source) in volume.items()}
        if not any(file_system.startswith("nfs") for file_system, _ in places.values()):
            continue
        for label, most in minority({label: inode for label, (_, inode) in places.items()}):
            source = volume[label][1]
            words = (
                f"volume {source.volume}: {source.path} is another directory than on {some(most)} "
                f"(here {places[label][0]}, inode {places[label][1]})"
            )
            yield label, error(words, f"mount the shared directory there: findmnt -T {source.path}")


def _place_of(each: Examined, source: Source) -> tuple[str, str]:
    place = each.facts.sources[each.needs.sources.index(source)]
    return place.file_system, place.inode


def _volumes(
    fleet: Fleet, is_meant: Callable[[Source], bool]
) -> Iterator[dict[str, tuple[Examined, Source]]]:
    """Each volume that is meant, with the hosts that have it."""
    names = dict.fromkeys(
        source.volume for each in fleet.values() for source in each.needs.sources if is_meant(source)
    )
    for name in names:
        yield {
            label: (each, source)
            for label, each in fleet.items()
            for source in each.needs.sources
            if source.volume == name
        }
