import pytest

from launcher.spec.job import Launch

RESERVED = "is set by the launcher for each rank"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("secrets: [TOKEN]", "5:11: secret TOKEN is not set: export it in the shell that launches"),
        ("secrets: [SET, SET]", "5:16: secret SET is listed twice"),
        ("secrets: [SET]\nenv: {SET: x}", "5:11: SET is in `env` too: a secret is only named here"),
        ("secrets: [RANK_ID]", f"5:11: RANK_ID {RESERVED}"),
        *(
            (f"env: {{{name}: x}}", f"5:{9 + len(name)}: {name} {RESERVED}")
            for name in (
                "RANK_ID",
                "RANK_SIZE",
                "DEVICE_ID",
                "RANK_TABLE_FILE",
                "MS_ROLE",
                "MS_NODE_ID",
                "MS_WORKER_NUM",
                "MS_SCHED_HOST",
                "MS_SCHED_PORT",
                "LAUNCHER_ANY",
            )
        ),
        ("volumes: {d: {}}", '5:11: missing key "source": only the volume output may leave it out'),
        ("volumes: {d: {source: /d, target: t}}", '5:35: expected an absolute path, got "t"'),
        ("volumes: {d: {source: /d, target: /}}", "5:35: the target / would hide the whole image"),
        ("volumes: {d: {source: /d, target: /x/..}}", "5:35: the target / would hide the whole image"),
        (
            "volumes: {a: {source: /a, target: /t}, b: {source: /b, target: //t/}}",
            '5:64: target /t is that of volume "a" too',
        ),
        (
            "volumes: {a: {source: /a}, b: {source: /b, target: /launcher/a}}",
            '5:52: target /launcher/a is that of volume "a" too',
        ),
        (
            "launch: rank_table",
            "5:9: rank_table needs NPUs, and the cluster's device is cpu: use dynamic or none",
        ),
    ],
)
def test_rules_of_a_job(files, line: str, message: str) -> None:
    assert files.problems(more=line + "\n", SET="1") == [f"job.yaml:{message}"]


def test_nested_targets_and_a_free_output_are_right(files) -> None:
    more = "volumes: {a: {source: /a, target: /t}, b: {source: /b, target: /t/b}, output: {}}\nsecrets: [S]\n"
    assert files.load(more=more, S="x").job.secrets == ("S",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("devices: 0-7", "devices: 0-8", "cluster.yaml:4:10: no device 8: a host of ascend910b has 0 to 7"),
        ("ascend910b", "ascend910\nname: x", None),
        (
            "devices: 0-7\n",
            "",
            "cluster.yaml:5:5: no `devices` for node01, node02, and none for the whole cluster",
        ),
        (
            "node[01-02]",
            "a\n    devices: [9]",
            "cluster.yaml:7:5: no device 9: a host of ascend910b has 0 to 7",
        ),
        (
            "node[01-02]",
            "a\n    device_ips: {8: 10.0.0.1}",
            "cluster.yaml:7:21: device 8 is not among the `devices` of the host",
        ),
        (
            "node[01-02]",
            "a\n    devices: [1]\n    super_device_ids: {0: '1'}",
            "cluster.yaml:8:27: device 0 is not among the `devices` of the host",
        ),
    ],
)
def test_rules_of_the_cluster(files, old: str, new: str, message: str | None) -> None:
    message = message or 'cluster.yaml:4:1: "name" is given twice: first in line 2'
    assert files.problems(cluster=files.ascend.replace(old, new), more="image: i\n") == [message]


def test_an_a3_has_sixteen_devices(files) -> None:
    a3 = files.ascend.replace("ascend910b", "ascend910_93")
    assert files.load(cluster=a3.replace("0-7", "0-15"), more="image: i\n").cluster.devices[-1] == 15
    assert files.problems(cluster=a3.replace("0-7", "0-16"), more="image: i\n") == [
        "cluster.yaml:4:10: no device 16: a host of ascend910_93 has 0 to 15"
    ]


def test_many_hosts_are_counted(files) -> None:
    cluster = files.ascend.replace("02]", "16]").replace("devices: 0-7\n", "")
    assert files.problems(cluster=cluster, more="image: i\n") == [
        "cluster.yaml:5:5: no `devices` for node01, node02, node03 and 13 more, "
        "and none for the whole cluster"
    ]


def test_docker_needs_an_image(files) -> None:
    assert files.problems(cluster=files.ascend) == [
        'job.yaml:1:1: missing key "image": the runtime of cluster lab is docker'
    ]


def test_a_rank_table_holds_ranks_with_devices(files) -> None:
    more = "image: i\ndevices_per_rank: 0\nlaunch: rank_table\n"
    assert files.problems(cluster=files.ascend, more=more) == [
        "job.yaml:7:9: ranks without a device cannot be in a rank table: use `launch: dynamic` or `none`"
    ]


def test_ranks_without_devices_meet_nobody_unless_told_to(files) -> None:
    spec = files.load(cluster=files.ascend, more="image: i\ndevices_per_rank: 0\n")
    assert spec.job.launch_on(spec.cluster.device, 8) is Launch.NONE


def test_processes_may_own_npus_of_this_machine(files) -> None:
    cluster = files.cluster.replace("cpu", "ascend910b")
    assert files.load(cluster=cluster).cluster.device.is_ascend


def test_values_of_secrets_are_in_no_message_and_not_in_the_spec(files) -> None:
    problems = files.problems("rank=2", more="secrets: [TOKEN]\n", TOKEN="hunter2")
    stored = files.load(more="secrets: [TOKEN]\n", TOKEN="hunter2").to_json()
    assert "hunter2" not in "".join(problems) + stored
