"""What a host says of itself. Pure: lines of the check script in, facts out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from launcher.check.npu_facts import NpuFacts
from launcher.check.trees import Tree, parse_trees
from launcher.claims.locks import Holder, parse_holders
from launcher.hosts.clock import Clock


@dataclass(frozen=True, slots=True)
class Python:
    """An interpreter that ranks would use."""

    executable: str
    environment: Mapping[str, str]
    """What environment markers (PEP 508) are evaluated with."""
    versions: Mapping[str, str | None]
    """By distribution; None where it is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Docker on a host; with a `refusal`, nothing else of it is known."""

    refusal: str = ""
    hint: str | None = None
    version: str = ""
    architecture: str = ""
    security: tuple[str, ...] = ()
    """Its security options, such as `name=rootless`."""
    image_architecture: str | None = None
    """None where the image is not there."""
    image_identity: str = ""
    image_size: int = 0
    runtimes: tuple[str, ...] = ()
    taken: tuple[tuple[str, str], ...] = ()
    """Device node and name of each running container that has it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a volume lies on a host."""

    state: str
    """missing, unmakeable, unreadable, read-only or writable."""
    file_system: str = ""
    inode: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A device node."""

    path: str
    gid: int
    mode: int


@dataclass(frozen=True, slots=True)
class User:
    """A process that has something open; pid and name are empty where we may not see it."""

    what: str
    """Path of a device node, or a port."""
    pid: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})" if self.pid else "a process of another user"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port on which something listens."""

    port: int
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One host. Sizes in bytes; `…_refusal`, `no_python`, `no_port` are its words, empty if all is well."""

    work_dir: str
    work_dir_refusal: str
    file_system: str
    disk: int
    """Free below the work directory; 0 where the host cannot tell."""
    cores: int
    memory: int
    """The least of what the machine and the cgroups of this process still give."""
    has_setsid: bool
    uid: int
    user: str
    """Whom SSH logs in; empty where that user has no name."""
    machine: str = ""
    """Architecture as the kernel says it; empty where it was not asked, as all that is advice."""
    greeting: str = ""
    """What the login shell prints before every script."""
    shm_refusal: str = ""
    startups: int | None = None
    """Connections that log in at once from which on sshd refuses some; None where that is not to be seen."""
    other_addresses: str | None = None
    """What the host has where host_ip is none of its addresses; else, or where it cannot tell, None."""
    interfaces: tuple[str, ...] = ()
    selinux: str = ""
    """Enforcing, Permissive, Disabled, or empty where there is none."""
    selinux_context: str = ""
    sources: tuple[Place, ...] = ()
    """Of each volume."""
    trees: Mapping[str, Tree | None] = field(default_factory=dict)
    """What is in each volume that is compared between hosts, by path; None where it took too long."""
    unlisted: Mapping[str, str] = field(default_factory=dict)
    """Why single files are not known of volumes that are not the same on all hosts, by path."""
    lacking: tuple[str, ...] = ()
    """Of the paths asked for, those that are not there."""
    nodes: tuple[Node, ...] = ()
    openers: tuple[User, ...] = ()
    """Processes that have one of the device nodes open, as far as this user may see them."""
    listeners: tuple[Listener, ...] = ()
    """On the ports asked for."""
    ephemeral: tuple[int, int] = (0, 0)
    """First and last port that the kernel gives to connections."""
    reserved_words: str = ""
    """Ports that it keeps back, as sysctl has them."""
    driver: str = ""
    """Version of the Ascend driver."""
    npus: NpuFacts | None = None
    python: Python | None = None
    no_python: str = ""
    no_port: str = ""
    holders: tuple[Holder, ...] = ()
    left: tuple[str, ...] = ()
    """Paths of those locks of holders that runs of other users have left."""
    engine: Engine | None = None
    """None where ranks are processes."""
    sessions: int | None = None
    """Channels that sshd opened on one connection; None where there is no SSH."""
    clock: Clock | None = None


def parse_facts(text: str, trees: Sequence[str] = ()) -> Facts:
    """The output of check.sh; `trees` are the paths that it compared.

    Raises KeyError, ValueError for what it never writes.
    """
    lines = read_lines(text)
    one = dict(lines)
    many = _Many(lines)
    return Facts(
        work_dir=one["work_dir"],
        work_dir_refusal=one["refusal"],
        file_system=one["file_system"],
        disk=int(one["disk"]),
        cores=int(one["cores"]),
        memory=max(0, min(map(int, many["memory"]))),
        has_setsid="setsid" in one,
        uid=int(one["uid"]),
        user=one["user"],
        machine=one.get("machine", ""),
        shm_refusal=one.get("shm", ""),
        startups=int(one["startups"]) if one.get("startups") else None,
        other_addresses=one.get("other_addresses"),
        interfaces=tuple(one.get("interfaces", "").split()),
        selinux=one.get("selinux", ""),
        selinux_context=one.get("selinux_context", ""),
        sources=tuple(map(_place, many["source"])),
        trees=parse_trees(lines, trees),
        lacking=tuple(many["lacking"]),
        nodes=tuple(map(_node, many["node"])),
        openers=tuple(map(_user, many["open"])),
        listeners=tuple(Listener(int(user.what), user) for user in map(_user, many["listener"])),
        ephemeral=_pair(one.get("ephemeral", "0 0")),
        reserved_words=one.get("reserved", ""),
        driver=one.get("driver", ""),
        python=_python(one["python"]) if "python" in one else None,
        no_python=one.get("no_python", ""),
        no_port=one.get("no_port", ""),
        holders=tuple(parse_holders("\n".join(many["lock"]))),
        left=tuple(many["left"]),
    )


class _Many(dict[str, list[str]]):
    """What has been said under each name."""

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        for name, words in lines:
            self.setdefault(name, []).append(words)

    def __missing__(self, name: str) -> list[str]:
        return []


def read_lines(text: str) -> list[tuple[str, str]]:
    """Name and words of each fact."""
    return [
        (name, words.strip()) for name, _, words in (line.partition(" ") for line in text.split("\n") if line)
    ]


def _place(words: str) -> Place:
    state, inode, *file_system = words.split(" ", 2)
    return Place(state, " ".join(file_system), inode)


def _node(words: str) -> Node:
    gid, mode, path = words.split(" ", 2)
    return Node(path, int(gid), int(mode, 8))


def _user(words: str) -> User:
    return User(*words.split(" ", 2))


def _pair(words: str) -> tuple[int, int]:
    low, high = words.split()
    return int(low), int(high)


def _python(text: str) -> Python:
    told = json.loads(text[text.index('{"executable"') :])  # a site may greet first
    return Python(told["executable"], told["environment"], told["versions"])
