"""Every known form of hccn_tool's output, and what is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.npu import ToolError
from launcher.npu.hccn import (
    Ip,
    Ping,
    parse_conf,
    parse_ip,
    parse_link,
    parse_net_health,
    parse_ping,
    parse_tls,
)
from tests.unit.launcher.npu import samples

PARSERS = [parse_ip, parse_link, parse_net_health, parse_tls, parse_ping]


def test_addresses():
    assert parse_ip(samples.IP) == Ip("10.0.0.10", "255.255.255.0")
    assert parse_ip(samples.IP6) == Ip("2001:db8::10", "")
    with pytest.raises(ToolError, match=r"ipaddr:1\.2\.3\.400: not an address"):
        parse_ip("ipaddr:1.2.3.400\n")


@pytest.mark.parametrize("word", ["UP", "DOWN"])
def test_link(word):
    assert parse_link(f"link status: {word}\n") == word


@pytest.mark.parametrize("words", ["Success", "Fault", "Init", "Socket fail", "Receive timeout"])
def test_net_health(words):
    assert parse_net_health(f"net health status: {words}\n") == words


def test_tls():
    assert parse_tls(samples.TLS)
    assert not parse_tls(samples.TLS.replace("switch[1]", "switch[0]"))


def test_ping():
    assert parse_ping(samples.PING) == Ping(3, 3) and parse_ping(samples.PING).has_answer
    assert not parse_ping(samples.PING_LOST).has_answer
    cut_off = samples.PING.rpartition("3 packets")[0]
    assert parse_ping(cut_off) == Ping(3, 3)


def test_the_file_is_read_by_physical_id():
    assert parse_conf(samples.CONF) == {0: "192.0.2.10", 14: "2001:db8::14"}
    assert parse_conf("") == {}
    both = "address_0=192.0.2.10\nIPv6address_0=2001:db8::1\nIPv6address_1=2001:db8::2\nIPv6gateway_1=x\n"
    assert parse_conf(both) == {0: "192.0.2.10", 1: "2001:db8::2"}
    with pytest.raises(ToolError, match=r"hccn\.conf: address_3=here: not an address"):
        parse_conf("address_3=here\n")


@pytest.mark.parametrize("parse", PARSERS)
def test_what_is_said_instead_is_the_error(parse):
    with pytest.raises(ToolError, match="hccn_tool: Command execute failed!"):
        parse(samples.FAILED)
    with pytest.raises(ToolError, match="hccn_tool said nothing"):
        parse("")


@given(st.text(max_size=200))
def test_nothing_but_a_tool_error_is_raised(text):
    for parse in (*PARSERS, parse_conf):
        for prefix in ("", "ipaddr:", "address_1=", "recv seq=1"):
            with suppress(ToolError):
                parse(prefix + text)
