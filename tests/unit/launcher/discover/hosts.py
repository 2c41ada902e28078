"""Hosts that the tests of discover ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface

from launcher.discover.changes import Known
from launcher.discover.draft import Draft, draft_of
from launcher.discover.facts import Facts, Interface, Node
from launcher.npu.smi import Chip, Spod

FILE = "lab.yaml"


def interface(text: str) -> Interface:
    """`eth0 192.0.2.1/24`."""
    name, at = text.split()
    return Interface(name, ip_interface(at))


def chips(name: str, devices: Iterable[int], dies: int = 1) -> tuple[Chip, ...]:
    """Chips with physical ids."""
    return tuple(Chip(n // dies, n % dies, n, name, "OK", "0000:01:00.0") for n in devices)


def facts(
    number: int = 1, devices: Iterable[int] = range(8), *, name: str = "910B3", dies: int = 1, **more
) -> Facts:
    """A host with NPUs."""
    devices = tuple(devices)
    given = {
        "machine": "aarch64",
        "interfaces": (interface(f"eth0 192.0.2.{number}/24"),),
        "nodes": tuple(Node(device, 1000) for device in devices),
        "chips": chips(name, devices, dies),
        "device_ips": {device: f"198.51.{number}.{device}" for device in devices},
        "spods": {device: Spod(str(number * 100 + device), "3") for device in devices} if dies > 1 else {},
        "driver": "24.1.rc2",
        "docker": "26.1",
        "runtimes": ("runc",),
    }
    return Facts(**{**given, **more})


def draft(text: str, environ: Mapping[str, str] | None = None) -> Draft:
    """A draft of a text."""
    return draft_of(text, FILE, environ or {})


def known(hosts: Mapping[str, Facts]) -> Known:
    """What has been found out, each host with its first interface."""
    return Known(hosts, {label: each.interfaces[0] for label, each in hosts.items() if each.interfaces})
