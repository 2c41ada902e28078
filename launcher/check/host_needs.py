"""What is needed of one host."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.check.npu_needs import NpuNeeds

_DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class Source:
    """A volume of the job on a host."""

    volume: str
    path: str
    writable: bool
    may_be_made: bool
    """Whether ranks can make it themselves where it is not there."""

    @property
    def must_be_equal(self) -> bool:
        """Whether ranks would fail or learn nothing where it is not the same on all hosts."""
        return self.volume == _DATASET


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNeeds:
    """What one host must offer. Sizes in bytes."""

    work_dir: str | None
    """None: the user's default, which only the host can tell."""
    processes: bool
    """Whether ranks are processes there."""
    path: str
    """Directories put before their PATH, joined by colons."""
    locks: tuple[str, ...]
    ranks: int = 0
    memory_per_rank: int = 0
    disk: int = 0
    scheduler: bool = False
    secrets: bool = False
    sudo: bool = False
    """Whether Docker is called through sudo."""
    image: str | None = None
    """Of containers."""
    registry: str | None = None
    """Where hosts pull it from."""
    image_here: int | None = None
    """Its size in this machine's engine; None where it is not there, or nobody has asked."""
    oci_runtime: str | None = None
    """That containers need besides Docker's own."""
    paths: tuple[str, ...] = ()
    """Device nodes and files of the driver that containers are given."""
    device_nodes: tuple[str, ...] = ()
    """Those that no other container may have."""
    sources: tuple[Source, ...] = ()
    packages: tuple[str, ...] = ()
    """Requirements as in PEP 508."""
    env: tuple[tuple[str, str], ...] = ()
    python: str | None = None
    """The interpreter that the command names; None: `python`, else `python3`."""
    hosts: int = 1
    """How many hosts are used together."""
    host_ip: str | None = None
    """By which other hosts know it; None where there are none."""
    ifname: str | None = None
    """What HCCL is told of its interfaces."""
    meets_by_address: bool = False
    """Whether ranks meet at a scheduler, so that both of these must be right."""
    is_deep: bool = False
    """Whether whole files are compared, instead of both ends of some."""
    holders_are_refused: bool = True
    """Whether a device that another run holds is an error; the lock phase of a run says it by itself."""
    advice: bool = True
    """Whether it is also asked what can make no run fail."""
    npus: NpuNeeds | None = None
    root_in_containers: bool = False
    """Whether the job says `user: root` or the like: then any device may be opened."""
    hccl_ports: tuple[int, ...] = ()
    hccl_ports_are_used: bool = False
    """Whether it is known that HCCL will listen on them."""

    @property
    def compared(self) -> tuple[str, ...]:
        """Paths of the volumes that should be the same on all hosts."""
        if self.hosts < 2:
            return ()
        return tuple(
            each.path for each in self.sources if not each.writable and (self.advice or each.must_be_equal)
        )
