"""What a file should say otherwise, and what is a choice that stays."""

from __future__ import annotations

import pytest

from launcher.discover.changes import changes, device_kind
from launcher.discover.facts import Node
from launcher.discover.judge import problems, warnings
from launcher.discover.network import Choice
from launcher.npu.smi import Spod
from launcher.spec.cluster import DeviceKind
from tests.unit.launcher.discover.hosts import chips, draft, facts, interface, known

HEAD = "schema: 1\nname: lab\n"
A2 = HEAD + "device: ascend910b\n"
ONE = "hosts:\n  - address: a\n"
TWO = ONE + "  - address: b\n"


def found(text: str, **hosts) -> dict[str, object]:
    """New values by key, those of the first host and of the cluster."""
    made = changes(draft(text), known(hosts))
    return {".".join(each.path): each.new for each in made if each.host in (None, 0)}


def contradictions(text: str, **hosts) -> set[str]:
    return {".".join(each.path) for each in changes(draft(text), known(hosts)) if each.contradicts}


def said(function, text: str, *, choice: Choice | None = None, **hosts) -> list[str]:
    made, what = draft(text), known(hosts)
    kind = device_kind(made, hosts.values())
    if function is warnings:
        return list(warnings(made, what, kind))
    return list(problems(made, what, choice or Choice(what.addresses), kind))


def test_an_empty_file_gets_everything():
    assert found(HEAD + ONE, a=facts(devices=(1, 4))) == {
        "device": "ascend910b",
        "host_ip": "192.0.2.1",
        "ifname": "eth0",
        "devices": (1, 4),
        "device_ips": {1: "198.51.1.1", 4: "198.51.1.4"},
        "device_gid": 1000,
    }


def test_devices_that_all_hosts_have_are_written_once():
    made = changes(draft(A2 + TWO), known({"a": facts(1, (0, 2)), "b": facts(2, (0, 2))}))
    assert [(each.host, each.new) for each in made if each.path == ("devices",)] == [(None, (0, 2))]
    made = changes(draft(A2 + TWO), known({"a": facts(1, (0, 2)), "b": facts(2, (0, 3))}))
    assert [(each.host, each.new) for each in made if each.path == ("devices",)] == [(0, (0, 2)), (1, (0, 3))]


def test_a_part_of_the_devices_is_a_choice():
    text = A2 + "devices: 4-7\n" + ONE
    assert "devices" not in found(text, a=facts()) and "devices" not in contradictions(text, a=facts())
    assert found(text, a=facts())["device_ips"] == {n: f"198.51.1.{n}" for n in (4, 5, 6, 7)}
    assert said(warnings, text, a=facts()) == ["host a: not in the file: NPU 0, 1, 2 and 1 more"]
    lost = facts(devices=(0, 1, 5))
    assert found(text, a=lost)["devices"] == (5,) and "devices" in contradictions(text, a=lost)
    assert found(text, a=facts(devices=(0, 1)))["devices"] == (0, 1)


def test_cpu_in_a_file_is_a_choice_on_hosts_with_npus():
    text = HEAD + "device: cpu\ndevices: 0-3\n" + ONE
    assert found(text, a=facts()) == {"host_ip": "192.0.2.1"}
    assert said(warnings, text, a=facts()) == ["there are NPUs (ascend910b), and the file says `device: cpu`"]
    assert said(problems, text, a=facts()) == []


def test_hosts_without_npus():
    bare = facts(devices=(), device_ips={})
    assert found(HEAD + ONE, a=bare) == {"device": "cpu", "host_ip": "192.0.2.1"}
    assert found(A2 + ONE, a=bare) == {"host_ip": "192.0.2.1", "ifname": "eth0"}
    assert said(problems, A2 + ONE, a=bare) == [
        "host a: no /dev/davinciN is there: is the driver loaded (npu-smi info)?"
    ]


def test_another_kind_than_that_of_the_chips():
    text = HEAD + "device: ascend910_93\n" + ONE
    assert found(text, a=facts())["device"] == "ascend910b" and "device" in contradictions(text, a=facts())


@pytest.mark.parametrize("names", [("310P3", "310P3"), ("910B3", "910A")])
def test_a_kind_that_is_not_known_is_not_guessed(names):
    hosts = {label: facts(n, name=name) for n, (label, name) in enumerate(zip("ab", names, strict=True), 1)}
    assert "device" not in found(HEAD + TWO, **hosts)
    (problem,) = said(problems, HEAD + TWO, **hosts)
    assert "the device kind is not known" in problem and names[0] in problem


def test_what_is_written_and_right_stays():
    text = (
        A2
        + "devices: 0-1\n"
        + ONE
        + (
            "    host_ip: 10.0.0.1\n    ifname: ib\n    device_gid: 1000\n"
            "    device_ips: {0: 198.51.1.0, 1: 198.51.1.1}\n"
        )
    )
    host = facts(devices=(0, 1), interfaces=(interface("eth0 192.0.2.1/24"), interface("ib0 10.0.0.1/16")))
    assert found(text, a=host) == {}


@pytest.mark.parametrize(
    ("ifname", "stays"),
    [
        ("eth0", True),
        ("eth", True),
        ("=eth0", True),
        ("=eth", False),
        ("ib0", False),
        ("^docker0", True),
        ("eth,ib", True),
    ],
)
def test_patterns_of_interfaces(ifname, stays):
    text = A2 + ONE + f"    ifname: '{ifname}'\n"
    assert ("ifname" not in found(text, a=facts())) is stays
    assert ("ifname" in contradictions(text, a=facts())) is not stays


def test_an_address_that_the_host_does_not_have():
    assert contradictions(A2 + ONE + "    host_ip: 192.0.2.99\n", a=facts()) == {"host_ip"}


def test_super_pods():
    a3 = facts(name="Ascend910", dies=2, devices=range(4))
    text = HEAD + "device: ascend910_93\n" + ONE
    assert found(text, a=a3)["super_device_ids"] == {n: str(100 + n) for n in range(4)}
    assert found(text, a=a3)["super_pod"] == "3"
    assert "super_pod" not in found(text + "    super_pod: mine\n", a=a3)
    assert "super_pod" not in found(A2 + ONE, a=facts())
    part = facts(name="Ascend910", dies=2, devices=range(4), spods={0: Spod("1", "3"), 1: Spod("2", "4")})
    assert "super_pod" not in found(text, a=part)
    assert said(problems, text, a=part) == [
        "host a: no super device id of NPU 2, 3: see npu-smi info -t spod-info -i NPU -c CHIP"
    ]


@pytest.mark.parametrize(
    ("written", "runtimes", "new"),
    [
        ("", ("ascend",), True),
        ("", ("runc",), None),
        ("driver: {docker_runtime: false}\n", ("ascend",), None),
        ("driver: {docker_runtime: true}\n", ("ascend",), None),
        ("driver: {docker_runtime: true}\n", ("runc",), False),
    ],
)
def test_the_ascend_docker_runtime(written, runtimes, new):
    assert found(A2 + written + ONE, a=facts(runtimes=runtimes)).get("driver.docker_runtime") is new
    both = {"a": facts(1, runtimes=("ascend",)), "b": facts(2)}
    assert found(A2 + TWO, **both).get("driver.docker_runtime") is None
    assert "driver.docker_runtime" not in found(
        A2 + "runtime: process\n" + ONE, a=facts(runtimes=("ascend",))
    )


@pytest.mark.parametrize(
    ("written", "runtimes", "new"),
    [
        ("", ("runc",), "/var/queue_schedule"),
        ("", ("ascend",), None),
        ("driver: {docker_runtime: false}\n", ("ascend",), "/var/queue_schedule"),
        ("driver: {queue_schedule: null}\n", ("runc",), None),
        ("driver: {queue_schedule: /opt/queues}\n", ("runc",), None),
    ],
)
def test_what_only_some_drivers_have(written, runtimes, new):
    """The Ascend Docker Runtime maps it by itself."""
    there = facts(runtimes=runtimes, driver_parts=("/dev/dvpp_cmdlist", "/var/queue_schedule"))
    assert found(A2 + written + ONE, a=there).get("driver.queue_schedule") == new
    assert found(A2 + TWO, a=there, b=facts(2)).get("driver.dvpp_cmdlist") is None


def test_npu_smi_at_another_place():
    sbin = {
        "a": facts(1, npu_smi="/usr/local/sbin/npu-smi"),
        "b": facts(2, npu_smi="/usr/local/sbin/npu-smi"),
    }
    assert found(A2 + TWO, **sbin)["driver.npu_smi"] == "/usr/local/sbin/npu-smi"
    assert "driver.npu_smi" not in found(A2 + TWO, a=sbin["a"], b=facts(2, npu_smi="/usr/local/bin/npu-smi"))
    assert "driver.npu_smi" not in found(A2 + TWO, a=facts(1), b=facts(2))
    assert contradictions(A2 + "driver: {npu_smi: /opt/npu-smi}\n" + TWO, **sbin) == {"driver.npu_smi"}


def test_groups_that_differ_are_not_guessed():
    host = facts(devices=(0, 1), nodes=(Node(0, 1000), Node(1, 1001)))
    assert "device_gid" not in found(A2 + ONE, a=host)
    assert said(problems, A2 + ONE, a=host) == [
        "host a: its device nodes are for different groups (1000, 1001): make them one"
    ]


def test_addresses_of_npus_that_nobody_knows():
    hosts = {"a": facts(1, (0, 1), device_ips={0: "198.51.1.0"}), "b": facts(2, (0,))}
    assert said(problems, A2 + TWO, **hosts) == ["host a: no address of NPU 1: see hccn_tool -i N -ip -g"]
    assert said(problems, A2 + ONE, a=hosts["a"]) == []
    first = facts(1, (0, 1), device_ips={}, name="910A")
    assert len(said(problems, HEAD + "device: ascend910\n" + ONE, a=first)) == 1


def test_an_open_address_is_a_problem_where_there_are_others():
    both = (interface("eth0 192.0.2.1/24"), interface("ib0 10.0.0.1/16"))
    choice = Choice({}, (), {"a": both, "b": ()})
    one, two = said(problems, HEAD + "device: cpu\ndevices: 0\n" + TWO, choice=choice)
    assert one.startswith(
        "host a: host_ip is not known, its addresses are 192.0.2.1 (eth0), 10.0.0.1 (ib0): "
    )
    assert "its addresses are none" in two
    assert said(problems, HEAD + "device: cpu\ndevices: 0\n" + ONE, choice=choice) == []


def test_what_differs_between_hosts():
    hosts = {
        "a": facts(1, notes=("a note",)),
        "b": facts(2, machine="x86_64", driver="23.0", docker="", docker_refusal="permission denied"),
    }
    assert said(warnings, A2 + "devices: 0-7\n" + TWO, **hosts) == [
        "architectures differ: aarch64 on a; x86_64 on b",
        "drivers differ: 24.1.rc2 on a; 23.0 on b",
        "host a: a note",
        "host b: Docker: permission denied",
    ]
    mixed = {"a": facts(1), "b": facts(2, chips=chips("910A", range(8)))}
    assert "device kinds differ: ascend910b on a; ascend910 on b" in said(warnings, A2 + TWO, **mixed)
    assert device_kind(draft(A2 + TWO), mixed.values()) is DeviceKind.ASCEND910B
