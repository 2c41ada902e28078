"""What is wrong with a host: each rule looks at what is needed and at what is there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shlex import quote

from launcher.check.facts import Facts
from launcher.check.model import Finding, Level
from launcher.check.needs import HostNeeds, Source
from launcher.check.packages import lacking

Complaint = tuple[Level, str, str]
"""Level, words, remedy."""
Rule = Callable[[HostNeeds, Facts], Iterator[Complaint]]


def judge(host: str, needs: HostNeeds, facts: Facts) -> list[Finding]:
    """Everything that a host lacks, in the order of RULES."""
    return [
        Finding(host, name, *complaint) for name, rule in RULES.items() for complaint in rule(needs, facts)
    ]


def _memory(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    wanted = needs.ranks * needs.memory_per_rank
    if wanted > facts.memory:
        fitting = facts.memory // needs.memory_per_rank
        words = f"{needs.ranks} ranks of {size(needs.memory_per_rank)} need {size(wanted)}, "
        fewer = f"at most {fitting} ranks fit here (--set ranks=…); " if fitting > 0 else ""
        remedy = f"{fewer}what uses memory: ps -eo rss,pid,user,args --sort=-rss | head"
        yield Level.ERROR, f"{words}{size(facts.memory)} are available", remedy


def _cores(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if facts.cores < needs.ranks:
        words = f"{needs.ranks} ranks share {facts.cores} cores"
        yield Level.WARNING, words, "they take turns: expect it to be slower, or use fewer (--set ranks=…)"


def _work_dir(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    elsewhere = "name another directory: work_dir in the cluster file"
    if facts.work_dir_refusal:
        yield Level.ERROR, f"{facts.work_dir}: {facts.work_dir_refusal}", elsewhere
    if facts.file_system.startswith("nfs"):
        words = f"{facts.work_dir} is on NFS, where locks and renames are not seen at once"
        yield Level.ERROR, words, f"{elsewhere}, on a disk of the host"


def _disk(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if facts.disk < needs.disk:
        words = f"{size(facts.disk)} are free for {facts.work_dir}, the job needs {size(needs.disk)}"
        yield (
            Level.ERROR,
            words,
            "launcher clean removes old runs; or another disk: work_dir in the cluster file",
        )


def _setsid(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if needs.processes and not facts.setsid:
        yield Level.ERROR, "setsid is not in PATH; each rank is a session of its own", "install util-linux"


def _secrets(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if needs.secrets and facts.shm_refusal:
        remedy = "mount a tmpfs with mode 1777 at /dev/shm: secrets are never put on a disk"
        yield Level.ERROR, facts.shm_refusal, remedy


def _port(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if facts.no_port:
        yield Level.ERROR, facts.no_port, "the scheduler needs one; what uses them: ss -tlnp"


def _volumes(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    for source, state in zip(needs.sources, facts.sources, strict=True):
        if wrong := _wrong_volume(source, state):
            words, remedy = wrong
            yield Level.ERROR, f"volume {source.volume}: {source.path} {words}", remedy


def _wrong_volume(source: Source, state: str) -> tuple[str, str] | None:
    path = quote(source.path)
    if state in ("missing", "unmakeable") and not source.may_be_made:
        make = f"mkdir -p {path}, or " if source.writable else ""
        return "is not there", f"{make}name what is: --set volumes.{source.volume}.source=…"
    if state == "unmakeable":
        return "is not there, and ranks may not make it", f"mkdir -p {path}, as someone who may"
    if state == "unreadable":
        return "may not be read", f"give the user of the ranks access: ls -ld {path}"
    if state == "read-only" and source.writable:
        return "may not be written", f"give the user of the ranks access: ls -ld {path}"
    return None


def _packages(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if facts.python is not None:
        for words, remedy in lacking(needs.packages, facts.python):
            yield Level.ERROR, words, remedy
    elif needs.packages:
        remedy = "name the directory of a Python with the job's packages: path in the cluster file"
        yield Level.ERROR, facts.no_python, remedy


def _docker(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    if facts.engine is not None and facts.engine.refusal:
        remedy = facts.engine.hint or "see whether Docker runs there: systemctl status docker"
        yield Level.ERROR, facts.engine.refusal, remedy


def _image(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    engine = facts.engine
    if engine is None or engine.refusal or needs.image is None:
        return
    name = quote(needs.image)
    if engine.image_architecture is None:
        words = f"image {needs.image} is not there"
        yield Level.ERROR, words, f"from a host that has it: docker save {name} | ssh HOST docker load"
    elif engine.image_architecture != engine.architecture:
        words = f"image {needs.image} is for {engine.image_architecture}, the host is {engine.architecture}"
        yield Level.ERROR, words, "build it on such a host"


def _oci_runtime(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    engine = facts.engine
    if engine and not engine.refusal and needs.oci_runtime and needs.oci_runtime not in engine.runtimes:
        words = f"Docker has no runtime {needs.oci_runtime}, only {', '.join(engine.runtimes)}"
        yield Level.ERROR, words, "install the Ascend Docker Runtime, or leave out driver.docker_runtime"


def _driver(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    for path in facts.lacking:
        remedy = "install the driver, or name its place: `driver` and `devices` in the cluster file"
        yield Level.ERROR, f"{path} is not there", remedy


def _taken(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    for node, container in facts.engine.taken if facts.engine else ():
        words = f"{node} is in use by container {container}"
        yield Level.ERROR, words, f"wait for it, or end it: docker stop {quote(container)}"


def _devices(needs: HostNeeds, facts: Facts) -> Iterator[Complaint]:
    for holder in facts.holders:
        yield Level.ERROR, str(holder), f"wait for it, or end it: launcher cancel {holder.run}"


RULES: dict[str, Rule] = {
    "memory": _memory,
    "cores": _cores,
    "work directory": _work_dir,
    "disk": _disk,
    "setsid": _setsid,
    "secrets": _secrets,
    "port": _port,
    "volumes": _volumes,
    "packages": _packages,
    "docker": _docker,
    "image": _image,
    "runtime": _oci_runtime,
    "driver": _driver,
    "containers": _taken,
    "devices": _devices,
}


def size(count: int) -> str:
    """Bytes for people: three digits and a unit."""
    value, units = float(max(count, 0)), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
