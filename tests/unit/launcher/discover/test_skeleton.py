"""A cluster file from words of a command line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from launcher.discover.scalars import flow_mapping, ranges, scalar
from launcher.discover.skeleton import Login, logins, name_of, skeleton
from launcher.errors import UsageError
from launcher.spec.cluster import DeviceKind, RuntimeKind
from launcher.spec.scalars import parse_numbers
from tests.hostile import HOSTILE
from tests.unit.launcher.discover.hosts import draft


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("node1", [Login("node1")]),
        ("me@node1:2222", [Login("node1", "me", 2222)]),
        (
            "me@node[01-02,7]:22",
            [Login("node01", "me", 22), Login("node02", "me", 22), Login("node7", "me", 22)],
        ),
        ("192.0.2.[1-2]", [Login("192.0.2.1"), Login("192.0.2.2")]),
        ("2001:db8::1", [Login("2001:db8::1")]),
        ("me@[2001:db8::1]:22", [Login("2001:db8::1", "me", 22)]),
        ("[2001:db8::1]", [Login("2001:db8::1")]),
        ("a@b@node1", [Login("node1", "a@b")]),
    ],
)
def test_addresses(text, found):
    assert logins(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "me@",
        "-oProxyCommand=x",
        "node1:",
        "node1:0",
        "node1:70000",
        "node1:x",
        "node[1-",
        "node[2-1]",
        "a b",
        "a/b",
    ],
)
def test_words_that_are_no_address(text):
    with pytest.raises(UsageError):
        logins(text)


@pytest.mark.parametrize(
    ("stem", "name"),
    [("lab", "lab"), ("Lab 2x8", "lab-2x8"), ("--", "cluster"), ("é", "cluster"), ("x" * 50, "x" * 40)],
)
def test_names(stem, name):
    assert name_of(stem) == name


def test_settings_that_all_hosts_have_stand_once():
    text = skeleton(
        "lab", logins("me@n[1-2]:22"), {"key": "/k e y"}, device=DeviceKind.CPU, runtime=RuntimeKind.DOCKER
    )
    made = draft(text).cluster
    assert (made.ssh.user, made.ssh.port, made.ssh.key) == ("me", 22, "/k e y")
    assert made.devices == tuple(range(8)) and [host.ssh for host in made.hosts] == [None, None]
    mixed = draft(skeleton("lab", [Login("a", "me"), Login("b"), Login("c", "you", 3)], {})).cluster
    assert mixed.ssh.user is None
    assert [(h.ssh.user, h.ssh.port) if h.ssh else None for h in mixed.hosts] == [
        ("me", None),
        None,
        ("you", 3),
    ]


def test_hosts_behind_ports_of_one_address_get_names():
    made = draft(skeleton("lab", [*logins("gate:2201"), *logins("gate:2202"), *logins("z")], {}))
    assert [host.label for host in made.cluster.hosts] == ["gate-2201", "gate-2202", "z"]


@pytest.mark.parametrize("text", [*HOSTILE, "192.0.2.1", "2001:db8::", "1.10", "node1", ".5", "0x1f", "ON"])
@pytest.mark.parametrize("in_flow", [False, True])
def test_any_text_is_read_as_it_was_meant(text, in_flow):
    written = f"a: {scalar(text)}" if not in_flow else f"a: {flow_mapping({'b': text, 'c': 1})}"
    read = yaml.safe_load(written)["a"]
    assert (read["b"] if in_flow else read) == text


@given(st.sets(st.integers(0, 40), min_size=1))
def test_ranges_are_what_files_are_read_as(numbers):
    ascending = tuple(sorted(numbers))
    assert parse_numbers(ranges(ascending)) == ascending
