"""What the driver's tools on a host say of its NPUs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NpuProcess:
    """A process that works on an NPU."""

    device: int
    """Physical id."""
    pid: str
    name: str
    memory: str
    """MB, as npu-smi says it."""


@dataclass(frozen=True, slots=True)
class Port:
    """The network port of an NPU; None where hccn_tool did not say it."""

    ip: str | None = None
    link: str | None = None
    """UP or DOWN."""
    net_health: str | None = None
    """Success, Init or Fault."""
    tls: str | None = None
    """Switch: 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuFacts:
    """The NPUs of a host, by physical id."""

    smi_refusal: str = ""
    """What npu-smi said instead of what is there."""
    hccn_refusals: Mapping[str, str] = field(default_factory=dict)
    """What hccn_tool said instead, by what it was asked."""
    health: Mapping[int, str] = field(default_factory=dict)
    processes: tuple[NpuProcess, ...] = ()
    ports: Mapping[int, Port] = field(default_factory=dict)
    unanswered: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """NPU and address from which no answer came, with what hccn_tool said."""
    conf: Mapping[int, str] | None = None
    """Addresses in hccn.conf; None where there is no such file."""
