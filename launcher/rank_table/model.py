"""The rank table as a value: which server and device each rank runs on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a rank table to a value: ``("server_list", 0, "device", 3)``."""

Version = Literal["1.0", "1.2"]


class Chip(str, Enum):
    """NPU family. The values are the ``device`` names of a cluster file."""

    ASCEND910 = "ascend910"
    ASCEND910B = "ascend910b"
    ASCEND910_93 = "ascend910_93"

    @property
    def max_device_id(self) -> int:
        """Largest physical device id that HCCL accepts on this family."""
        return 7 if self is Chip.ASCEND910 else 15


@dataclass(frozen=True, slots=True)
class Device:
    """One rank and the NPU (on A3: the die) it runs on.

    ``device_id`` is the physical id, N of ``/dev/davinciN``. ``device_ip`` may hold several addresses,
    separated by commas. The ports and the backup address are for A3 and several processes on one NPU.
    """

    device_id: int
    rank_id: int
    device_ip: str | None = None
    super_device_id: str | None = None
    device_port: int | None = None
    backup_device_ip: str | None = None
    backup_device_port: int | None = None
    host_port: int | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The single addresses of ``device_ip``; HCCL takes an empty string for an absent key."""
        return tuple(self.device_ip.split(",")) if self.device_ip else ()


@dataclass(frozen=True, slots=True)
class Server:
    """One host, however many containers run on it."""

    server_id: str
    devices: tuple[Device, ...]
    host_ip: str | None = None


@dataclass(frozen=True, slots=True)
class SuperPod:
    """Servers (by ``server_id``) that one A3 super pod joins."""

    super_pod_id: str
    server_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankTable:
    """A rank table of version 1.0 (910, 910B, A3 in AI-server mode) or 1.2 (A3 super pods)."""

    version: Version
    servers: tuple[Server, ...]
    super_pods: tuple[SuperPod, ...] = ()

    def located_servers(self) -> Iterator[tuple[Path, Server]]:
        """Each server with the path of its entry in the JSON form."""
        for index, server in enumerate(self.servers):
            yield ("server_list", index), server

    def located_devices(self) -> Iterator[tuple[Path, Server, Device]]:
        """Each device with its server and the path of its entry in the JSON form."""
        for path, server in self.located_servers():
            for index, device in enumerate(server.devices):
                yield (*path, "device", index), server, device
