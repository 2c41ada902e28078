"""Output of `hccn_tool`, and `/etc/hccn.conf`. Device ids are physical there: N of /dev/davinciN."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from launcher.npu import ToolError, unexpected

_TOOL = "hccn_tool"
_IP = re.compile(r"^[ \t]*ipaddr[ \t]*:[ \t]*([0-9A-Fa-f.:]+)(?:/\d+)?[ \t\r]*$", re.MULTILINE)
_MASK = re.compile(r"^[ \t]*(?:netmask|prefix)[ \t]*:[ \t]*(\S+)[ \t\r]*$", re.MULTILINE)
_LINK = re.compile(r"^[ \t]*link status[ \t]*:[ \t]*(\S+)[ \t\r]*$", re.MULTILINE)
_NET_HEALTH = re.compile(r"^[ \t]*net health status[ \t]*:[ \t]*(\S.*?)[ \t\r]*$", re.MULTILINE)
_TLS = re.compile(r"tls switch\[([01])\]")
_SENT = re.compile(r"(\d{1,9}) packets transmitted")
_RECEIVED = re.compile(r"(\d{1,9}) (?:packets )?received")
_REPLY = re.compile(r"^\s*recv seq=\d+", re.MULTILINE)
_ADDRESS = re.compile(r"^(IPv6)?address_(\d{1,9})[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ip:
    """`-ip -g`, also with `-inet6`."""

    address: str
    netmask: str
    """Empty where it is not said."""


@dataclass(frozen=True, slots=True)
class Ping:
    """`-ping -g address …`."""

    sent: int
    received: int

    @property
    def has_answer(self) -> bool:
        """Whether the other NPU is reached."""
        return self.received > 0


def parse_ip(text: str) -> Ip:
    """Raises ToolError with the tool's own words, as all of these do."""
    match = _IP.search(text)
    if match is None:
        raise unexpected(_TOOL, text)
    mask = _MASK.search(text)
    return Ip(_literal(match[1], match[0]), mask[1] if mask else "")


def parse_link(text: str) -> str:
    """UP or DOWN."""
    return _one(_LINK, text)


def parse_net_health(text: str) -> str:
    """Success, Fault, Init, Socket fail, Receive timeout, …"""
    return _one(_NET_HEALTH, text)


def parse_tls(text: str) -> bool:
    """Whether the switch is on."""
    return _one(_TLS, text) == "1"


def parse_ping(text: str) -> Ping:
    """How many packets came back: from the last line, or counted where it is missing."""
    sent, received = _SENT.search(text), _RECEIVED.search(text)
    replies = len(_REPLY.findall(text))
    if sent is None and not replies:
        raise unexpected(_TOOL, text)
    return Ping(int(sent[1]) if sent else replies, int(received[1]) if received else replies)


def parse_conf(text: str) -> dict[int, str]:
    """Addresses of hccn.conf by physical id; other lines are left alone. Raises ToolError for no address.

    Where a device has addresses of both versions the fourth counts, as in HCCL.
    """
    lines = sorted(_ADDRESS.findall(text), key=lambda line: line[0] == "")
    return {
        int(device): _literal(address, f"hccn.conf: {sixth}address_{device}={address}")
        for sixth, device, address in lines
        if address
    }


def _one(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise unexpected(_TOOL, text)
    return match[1]


def _literal(address: str, said: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        raise ToolError(f"{said.strip()}: not an address") from None
