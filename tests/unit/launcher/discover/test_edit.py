"""Only what changes is changed: comments, order, quotes and white space stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.discover.changes import Change, changes
from launcher.discover.edit import edited
from tests.unit.launcher.discover.hosts import draft, facts, known

HEAD = "schema: 1\nname: lab\ndevice: ascend910b\nruntime: process\n"


def change(path: str, new, old=None, host: int | None = 0) -> Change:
    return Change(host, tuple(path.split(".")), old, new, old is not None)


@pytest.mark.parametrize(
    ("before", "made", "after"),
    [
        (
            "hosts:\n- address: a  # one\n- address: b\n",
            change("host_ip", "192.0.2.1"),
            "hosts:\n- address: a  # one\n  host_ip: 192.0.2.1\n- address: b\n",
        ),
        (
            "hosts:\n  - ifname: eth0\n\n    # where it is\n    address: a",
            change("device_gid", 1000),
            "hosts:\n  - ifname: eth0\n\n    # where it is\n    address: a\n    device_gid: 1000\n",
        ),
        (
            "hosts:\n  - address: a\n    host_ip:   # soon\n    ifname: eth0\n",
            change("host_ip", "192.0.2.1"),
            "hosts:\n  - address: a\n    host_ip: 192.0.2.1   # soon\n    ifname: eth0\n",
        ),
        (
            'hosts:\n  - address: a\n    host_ip:   "192.0.2.9"  # old\n',
            change("host_ip", "192.0.2.1", "192.0.2.9"),
            "hosts:\n  - address: a\n    host_ip:   192.0.2.1  # old\n",
        ),
        (
            "hosts: [{address: a}, {address: b}]\n",
            change("ifname", "eth0", host=1),
            "hosts: [{address: a}, {address: b, ifname: eth0}]\n",
        ),
        (
            "hosts:\n  - {address: a, device_ips: {0: 192.0.2.1}}  # x\n",
            change("device_ips", {0: "192.0.2.1", 2: "2001:db8::1"}, {0: "192.0.2.1"}),
            'hosts:\n  - {address: a, device_ips: {0: 192.0.2.1, 2: "2001:db8::1"}}  # x\n',
        ),
        (
            "hosts:\n  - address: a\n    device_ips: {0: 192.0.2.1}\n",
            change("device_ips", {0: "192.0.2.2"}, {0: "192.0.2.1"}),
            "hosts:\n  - address: a\n    device_ips: {0: 192.0.2.2}\n",
        ),
        (
            "hosts:\n  - address: a\n    device_ips:   # of ports\n    ifname: x\n",
            change("device_ips", {0: "192.0.2.2"}),
            "hosts:\n  - address: a\n    device_ips:   # of ports\n      0: 192.0.2.2\n    ifname: x\n",
        ),
        (
            "hosts:\n  - address: a\n    device_ips:\n        0: 192.0.2.1   # kept\n"
            "        1: 192.0.2.2  # goes\n        2: 192.0.2.3  # other\n    ifname: x\n",
            change(
                "device_ips",
                {0: "192.0.2.1", 2: "192.0.2.9", 4: "192.0.2.4"},
                {0: "192.0.2.1", 1: "192.0.2.2", 2: "192.0.2.3"},
            ),
            "hosts:\n  - address: a\n    device_ips:\n        0: 192.0.2.1   # kept\n"
            "        2: 192.0.2.9  # other\n        4: 192.0.2.4\n    ifname: x\n",
        ),
        (
            "hosts:\n  - address: a\n    device_ips:\n      0: 192.0.2.1\n",
            change("device_ips", {}, {0: "192.0.2.1"}),
            "hosts:\n  - address: a\n    device_ips: {}\n",
        ),
        (
            "hosts:\n  - address: a\n    devices:\n      - 0\n      - 1\n    ifname: x\n",
            change("devices", (0, 2, 3, 4), (0, 1)),
            "hosts:\n  - address: a\n    devices: 0,2-4\n    ifname: x\n",
        ),
        (
            "hosts:\n  - address: a\n    devices: [0, 1]  # x\n",
            change("devices", (0,), (0, 1)),
            "hosts:\n  - address: a\n    devices: 0  # x\n",
        ),
        (
            "hosts:\n  - {address: a}\n",
            change("devices", (0, 2)),
            'hosts:\n  - {address: a, devices: "0,2"}\n',
        ),
        (
            "hosts:\n  -\n    address: a\n",
            change("super_pod", "3"),
            'hosts:\n  -\n    address: a\n    super_pod: "3"\n',
        ),
        (
            "driver: {root: /opt}\nhosts:\n  - address: a\n",
            change("driver.docker_runtime", True, host=None),
            "driver: {root: /opt, docker_runtime: true}\nhosts:\n  - address: a\n",
        ),
        (
            "driver:\n  docker_runtime: true  # hm\nhosts:\n  - address: a\n",
            change("driver.docker_runtime", False, True, host=None),
            "driver:\n  docker_runtime: false  # hm\nhosts:\n  - address: a\n",
        ),
        (
            "driver: {}\nhosts:\n  - address: a\n",
            change("driver.docker_runtime", True, host=None),
            "driver:\n  docker_runtime: true\nhosts:\n  - address: a\n",
        ),
        (
            "hosts:\n  - address: a\n",
            change("driver.docker_runtime", True, host=None),
            "driver:\n  docker_runtime: true\nhosts:\n  - address: a\n",
        ),
        (
            "hosts:\r\n  - address: a\r\n    ifname: x\r\n",
            change("device_ips", {1: "192.0.2.1"}),
            "hosts:\r\n  - address: a\r\n    device_ips:\r\n      1: 192.0.2.1\r\n    ifname: x\r\n",
        ),
        (
            "# 数据 🚀\nhosts:\n  - address: a  # é\n",
            change("host_ip", "192.0.2.1"),
            "# 数据 🚀\nhosts:\n  - address: a  # é\n    host_ip: 192.0.2.1\n",
        ),
    ],
)
def test_one_change(before, made, after):
    head = HEAD.replace("\n", "\r\n") if "\r\n" in before else HEAD
    assert edited(draft(head + before), [made]) == head + after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  # rack\n  - address: node[1-2]  # both\n    ssh: {user: me}\n  - address: z\n",
            "  # rack\n  - address: node1  # both\n    host_ip: 192.0.2.1\n    ssh: {user: me}\n"
            "  - address: node2  # both\n    ssh: {user: me}\n  - address: z\n    ifname: eth1\n",
        ),
        (
            '  - name: "n[01-02]"\n    address: 10.0.0.[1-2]\n  - {address: z}  # last\n',
            "  - name: n01\n    address: 10.0.0.1\n    host_ip: 192.0.2.1\n"
            "  - name: n02\n    address: 10.0.0.2\n  - {address: z, ifname: eth1}  # last\n",
        ),
        (
            '  - {address: "node[1-2]"}\n  -  address: z\n',
            "  - {address: node1, host_ip: 192.0.2.1}\n  - {address: node2}\n"
            "  -  address: z\n     ifname: eth1\n",
        ),
        (
            "  -\n    address: node[1-2]\n  - address: z\n",
            "  -\n    address: node1\n    host_ip: 192.0.2.1\n  -\n    address: node2\n"
            "  - address: z\n    ifname: eth1\n",
        ),
    ],
)
def test_a_pattern_is_written_out_with_its_comments(before, after):
    made = [change("host_ip", "192.0.2.1"), change("ifname", "eth1", host=2)]
    assert edited(draft(HEAD + "hosts:\n" + before), made) == HEAD + "hosts:\n" + after


def test_patterns_without_changes_stay_and_variables_count():
    text = HEAD + 'hosts:\n  - address: a[1-3]\n  - address: "${MORE}"\n  - address: z\n'
    one = edited(draft(text, {"MORE": "b[1-2]"}), [change("ifname", "eth0", host=5)])
    assert one == text + "    ifname: eth0\n"
    two = edited(draft(text, {"MORE": "b[1-2]"}), [change("ifname", "eth0", host=4)])
    assert "  - address: a[1-3]\n  - address: b1\n  - address: b2\n    ifname: eth0\n  - address: z\n" in two


@pytest.mark.parametrize("section", ["", "driver:\n", "driver: {}\n"])
def test_two_settings_of_a_section_that_is_not_there(section):
    made = [change("driver.npu_smi", "/x", host=None), change("driver.docker_runtime", True, host=None)]
    after = edited(draft(HEAD + section + "hosts:\n  - address: a\n"), made)
    assert after == HEAD + "driver:\n  npu_smi: /x\n  docker_runtime: true\nhosts:\n  - address: a\n"


def test_a_flow_list_of_hosts():
    text = HEAD + 'hosts: [{address: "n[1-2]"}, {address: z}]  # all\n'
    assert edited(draft(text), [change("ifname", "eth0", host=1)]) == (
        HEAD + "hosts: [{address: n1}, {address: n2, ifname: eth0}, {address: z}]  # all\n"
    )


FILLED = {"device_ips", "host_ip", "device_gid", "devices", "ifname"}
LEADS = st.sampled_from(["", "  ", "    "])
COMMENTS = st.sampled_from(["", "  # note", "   # a: b, {c}"])
ENTRIES = st.sampled_from(
    [
        ["address: {a}"],
        ["address: {a}", "device_ips:", "  0: 203.0.113.1", "  9: 203.0.113.9"],
        ["ifname: ib0", "address: '{a}'", "devices: 0-3"],
        ["address: {a}", "host_ip:", "device_gid: 7", "super_pod: x"],
        ['{{address: "{a}", devices: [1, 2]}}'],
    ]
)


@st.composite
def cluster_texts(draw) -> str:
    """Cluster files as people write them."""
    lead = draw(LEADS)
    lines = [f"schema: 1{draw(COMMENTS)}", "name: lab", f"device: ascend910b{draw(COMMENTS)}", "hosts:"]
    for name in ("a", "b", "c[1-2]"):
        dash = "- "
        if draw(st.booleans()):
            lines.append(f"{lead}# before {name}")
        for line in draw(ENTRIES):
            lines.append(f"{lead}{dash}{line.format(a=name)}{draw(COMMENTS)}")
            dash = "  "
        if draw(st.booleans()):
            lines.append("")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"]))


@settings(deadline=None)
@given(cluster_texts())
def test_any_file_says_what_was_meant_and_keeps_its_comments(text):
    hosts = {label: facts(number) for number, label in enumerate(["a", "b", "c1", "c2"], 1)}
    before, found = draft(text), known(hosts)
    made = changes(before, found)
    after = edited(before, made)
    assert changes(draft(after), found) == ()
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line and "203.0" not in line]
    assert all(comment in after for comment in comments)
    kept, now = (
        [h.model_dump(exclude=FILLED) for h in each.cluster.hosts] for each in (before, draft(after))
    )
    assert kept == now


@pytest.mark.parametrize("name", ["example-2x8.yaml", "example-a3.yaml", "local.yaml"])
def test_our_own_files_lose_no_line(name):
    text = (Path(__file__).parents[4] / "rank_tables" / name).read_text("utf-8")
    before = draft(text)
    dies = 2 if "a3" in name else 1
    chip = "Ascend910" if dies == 2 else "910B3"
    hosts = {
        host.label: facts(n, range(8 * dies), name=chip, dies=dies)
        for n, host in enumerate(before.cluster.hosts, 1)
    }
    after = edited(before, changes(before, known(hosts)))
    assert changes(draft(after), known(hosts)) == ()
    assert len(after.splitlines()) >= len(text.splitlines())
    assert after.count("#") == text.count("#")
