"""The first text of a cluster file, from addresses alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from launcher.discover.scalars import flow_mapping, scalar
from launcher.errors import UsageError
from launcher.spec.cluster import THIS_MACHINE, DeviceKind, RuntimeKind
from launcher.spec.ranges import expand_pattern
from launcher.spec.scalars import NAME

CPU_DEVICES = "0-7"
_HEAD = """\
# Made by `launcher init`. `launcher discover` brings it up to date, `launcher check` looks for what lacks.
schema: 1
"""
_MADE_UP = "    # made-up ids: so many ranks may run at once, and two runs never share one"


@dataclass(frozen=True, slots=True)
class Login:
    """A host as people write it on a command line: `[user@]address[:port]`."""

    address: str
    user: str | None = None
    port: int | None = None


def logins(text: str) -> list[Login]:
    """The hosts that one word stands for: `trainer@node[01-16]:2222`, `localhost`, `[2001:db8::1]:22`.

    Raises UsageError.
    """
    user, _, rest = text.rpartition("@")
    address, port = _split_port(rest)
    if not address or address.startswith("-") or re.search(r"[\s@/]", address):
        raise UsageError(f"{text!r} is no address", hint="write [user@]host[:port]; node[01-16] is a range")
    if port is not None and not (port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"{text!r}: {port!r} is no port")
    number = None if port is None else int(port)
    try:
        addresses = [address] if ":" in address else expand_pattern(address)
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}") from None
    return [Login(each, user or None, number) for each in addresses]


def _split_port(text: str) -> tuple[str, str | None]:
    """An IPv6 address has brackets where a port follows; without one it need not."""
    if match := re.fullmatch(r"\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\](?::(.*))?", text):
        return match[1], match[2]
    if text.count(":") > 1:
        return text, None
    address, colon, port = text.partition(":")
    return address, port if colon else None


def name_of(stem: str) -> str:
    """A name for the cluster, from that of its file."""
    made = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].rstrip("-")
    return made if re.fullmatch(NAME, made) else "cluster"


def is_this_machine_alone(hosts: Sequence[Login]) -> bool:
    """Whether nothing else than `localhost` is meant."""
    return all(host.address == THIS_MACHINE for host in hosts)


def skeleton(
    name: str,
    hosts: Sequence[Login],
    ssh: Mapping[str, Any],
    *,
    device: DeviceKind | None = None,
    runtime: RuntimeKind | None = None,
) -> str:
    """The file; what is None is left out. `ssh` are settings of all hosts."""
    common = _common(hosts)
    lines = [f"name: {scalar(name)}"]
    lines += [f"device: {device.value}"] if device is not None else []
    lines += [f"runtime: {runtime.value}"] if runtime is not None else []
    lines += [f"devices: {CPU_DEVICES}{_MADE_UP}"] if device is DeviceKind.CPU else []
    settings = {**common, **ssh}
    lines += [f"ssh: {flow_mapping(settings)}"] if settings else []
    lines.append("hosts:")
    for host in hosts:
        lines.append(f"  - address: {scalar(host.address)}")
        own = {key: value for key, value in _settings(host).items() if key not in common}
        lines += [f"    ssh: {flow_mapping(own)}"] if own else []
        lines += [f"    name: {_label(host)}"] if host.port is not None and _is_shared(host, hosts) else []
    return _HEAD + "\n".join(lines) + "\n"


def _settings(host: Login) -> dict[str, Any]:
    given = {"user": host.user, "port": host.port}
    return {key: value for key, value in given.items() if value is not None}


def _common(hosts: Sequence[Login]) -> dict[str, Any]:
    """Settings that all hosts have alike."""
    first = _settings(hosts[0])
    return {
        key: value for key, value in first.items() if all(_settings(host).get(key) == value for host in hosts)
    }


def _is_shared(host: Login, hosts: Sequence[Login]) -> bool:
    """Whether hosts behind several ports of one address need names."""
    return sum(each.address == host.address for each in hosts) > 1


def _label(host: Login) -> str:
    return scalar(f"{host.address}-{host.port}".replace(":", "-"))
