import pytest

from launcher.spec.ranges import expand_pattern


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("node[01-03]", ["node01", "node02", "node03"]),
        ("node[9-11]", ["node9", "node10", "node11"]),
        ("n[1-3,7]", ["n1", "n2", "n3", "n7"]),
        ("r[1-2]n[1-2]x", ["r1n1x", "r1n2x", "r2n1x", "r2n2x"]),
        ("10.0.0.[11-12]", ["10.0.0.11", "10.0.0.12"]),
        ("n[5]", ["n5"]),
        ("[fe80::1]", ["[fe80::1]"]),
        ("[2001:db8::[1-2]]", None),
        ("plain", ["plain"]),
        ("n[1-]", None),
        ("n[]", None),
        ("n[a-b]", None),
        ("n[1", None),
        ("n1]", None),
        ("n[3-1]", None),
        ("n[1-4097]", None),
        ("n[1-65][1-65]", None),
        ("n[1-999999999]", None),
        ("n[1-9999999999]", None),
    ],
)
def test_patterns(pattern: str, texts: list[str] | None) -> None:
    if texts is None:
        with pytest.raises(ValueError, match=r"range|bracket|at most 4096"):
            expand_pattern(pattern)
    else:
        assert expand_pattern(pattern) == texts


def test_patterns_of_one_host_go_together(files) -> None:
    hosts = "- {address: 'node[01-16]', name: 'r[1-2]-[1-8]', host_ip: '10.0.0.[11-26]', ifname: eth0}\n"
    spec = files.load(cluster=files.ascend.replace("- address: node[01-02]\n", hosts), more="image: i\n")
    last = spec.cluster.hosts[-1]
    assert len(spec.cluster.hosts) == 16
    assert (last.address, last.name, last.host_ip, last.ifname) == ("node16", "r2-8", "10.0.0.26", "eth0")


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        (
            "- {address: 'n[1-3]', host_ip: '10.0.0.[1-2]'}",
            "6:5: patterns for unequal numbers of hosts: address for 3, host_ip for 2",
        ),
        ("- {address: 'n[1-5000]'}", '6:15: 5000 hosts, at most 4096 are supported: "n[1-5000]"'),
        ("- {address: 'n[x]'}", '6:15: expected a range such as [01-16] or [1-3,7]: "n[x]"'),
        (
            "- {address: 'n[1-3000]'}\n  - {address: 'm[1-3000]'}",
            "5:1: 6000 hosts: at most 4096 are supported",
        ),
    ],
)
def test_ranges_that_are_wrong(files, hosts: str, message: str) -> None:
    cluster = files.ascend.replace("- address: node[01-02]", hosts)
    assert files.problems(cluster=cluster, more="image: i\n")[0] == f"cluster.yaml:{message}"


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        (
            "- {address: a}\n  - {address: b}\n  - {address: a}",
            '8:15: address "a" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: 'n[1-3]'}\n  - {address: n2}",
            '7:15: address "n2" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: a, name: x}\n  - {address: b, name: x}",
            '7:24: name "x" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: a}\n  - {address: b, name: a}",
            '7:24: name "a" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: a, name: b}\n  - {address: b}",
            '7:15: name "b" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: a, host_ip: '::1'}\n  - {address: b, host_ip: '0:0::1'}",
            '7:27: host_ip "::1" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: 'n[1-3]', host_ip: 10.0.0.1}",
            '6:34: host_ip "10.0.0.1" is given to two hosts: also at cluster.yaml:6',
        ),
        (
            "- {address: a, ssh: {port: 1}}\n  - {address: a, ssh: {port: 2}}",
            '7:15: name "a" is given to two hosts: also at cluster.yaml:6',
        ),
    ],
)
def test_hosts_that_clash(files, hosts: str, message: str) -> None:
    cluster = files.ascend.replace("- address: node[01-02]", hosts)
    assert files.problems(cluster=cluster, more="image: i\n") == [f"cluster.yaml:{message}"]


def test_one_address_serves_named_hosts_behind_different_ports(files) -> None:
    hosts = "- {address: a, name: x, ssh: {port: 1}}\n  - {address: a, name: y, ssh: {port: 2}}"
    cluster = files.ascend.replace("- address: node[01-02]", hosts)
    assert len(files.load(cluster=cluster, more="image: i\n").cluster.hosts) == 2
