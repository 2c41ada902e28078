import csv
import io

import pytest

from launcher.plan.containers import docker_words
from launcher.plan.model import Binding, Container, Owner

MANAGERS = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
HOST = {"address": "node1", "host_ip": "192.0.2.1"}


def mounts(spec: Container) -> dict[str, tuple[str, bool]]:
    return {mount.target: (mount.source, mount.read_only) for mount in spec.mounts}


def read_only(*paths: str) -> dict[str, tuple[str, bool]]:
    return {path: (path, True) for path in paths}


@pytest.fixture
def container(plans):
    """The container of a rank on an Ascend cluster."""

    def make(job=None, cluster=None, rank=0, **more):
        found = plans.plan(job, cluster, ascend=True, **more).members[rank].container
        assert found is not None
        return found

    return make


def test_a_container_in_full(container):
    binding = Binding(
        run_id="work-20260101-0a1b2c", attempt="2", owners={"node1": Owner(uid="501", gid="20")}
    )

    spec = container(rank=3, binding=binding)

    attempt = "/data/launcher/runs/work-20260101-0a1b2c/attempt-2"
    assert spec.name == "work-20260101-0a1b2c-2-3"
    assert spec.image == "image:1"
    assert spec.hostname == "r3-0a1b2c"
    assert spec.user == "501:20"
    assert spec.groups == ("1000",)
    assert spec.devices == ("/dev/davinci3", *MANAGERS)
    assert mounts(spec) == {
        **read_only(
            "/usr/local/Ascend/driver",
            "/usr/local/dcmi",
            "/usr/local/bin/npu-smi",
            "/etc/ascend_install.info",
            "/etc/hccn.conf",
        ),
        "/run/launcher/scripts/rank-3.sh": (f"{attempt}/scripts/rank-3.sh", True),
        "/run/launcher/rank_table.json": (f"{attempt}/rank_table.json", True),
        "/run/launcher/lease": ("/data/launcher/runs/work-20260101-0a1b2c/lease", True),
        "/run/launcher/state": (f"{attempt}/state", False),
        "/run/launcher/LOG3": (f"{attempt}/LOG3", False),
    }
    assert dict(spec.environment) == {
        "LAUNCHER_RUN": "work-20260101-0a1b2c",
        "LAUNCHER_RANK": "3",
        "LAUNCHER_ATTEMPT": "2",
    }
    assert dict(spec.labels) == {
        "launcher.schema": "1",
        "launcher.run": "work-20260101-0a1b2c",
        "launcher.rank": "3",
        "launcher.attempt": "2",
        "launcher.job": "work",
        "launcher.owner": "501",
    }
    assert (spec.network, spec.ipc, spec.init, spec.runtime) == ("host", "host", True, None)
    assert spec.security == ("no-new-privileges", "label=disable")
    assert spec.command == ("/bin/sh", "/run/launcher/scripts/rank-3.sh")


def test_no_container_is_privileged_or_goes_before_its_logs_are_collected(container):
    assert not {"--privileged", "--rm"} & set(docker_words(container()))


@pytest.mark.parametrize("device", ["ascend910", "ascend910b"])
def test_other_families_map_the_same_nodes(container, device):
    assert container(cluster={"device": device}, rank=1).devices == ("/dev/davinci1", *MANAGERS)


def test_every_die_of_an_a3_is_a_rank_of_its_own(container):
    spec = container({"ranks": 16}, {"device": "ascend910_93", "devices": "0-15", "hosts": [HOST]}, rank=15)

    assert spec.devices == ("/dev/davinci15", *MANAGERS)


def test_containers_of_one_host_differ_in_hostname(plans):
    made = plans.plan({"ranks": 16}, ascend=True)

    assert len({member.container.hostname for member in made.members}) == 16


def test_the_ascend_docker_runtime_maps_devices_and_most_of_the_driver(container):
    spec = container(cluster={"driver": {"docker_runtime": True}}, rank=2)

    assert spec.runtime == "ascend"
    assert spec.devices == ()
    assert spec.groups == ("1000",)
    assert ("ASCEND_VISIBLE_DEVICES", "2") in spec.environment
    driver = {path for path in mounts(spec) if not path.startswith("/run/launcher/")}
    assert driver == {
        "/usr/local/Ascend/driver/version.info",
        "/usr/local/Ascend/driver/tools/hccn_tool",
        "/etc/ascend_install.info",
        "/etc/hccn.conf",
    }


PARTS = {"dvpp_cmdlist": "/dev/dvpp_cmdlist", "queue_schedule": "/var/queue_schedule"}


def test_what_only_some_drivers_have_is_given_where_the_cluster_file_names_it(container):
    spec = container(cluster={"driver": PARTS}, rank=1)
    assert spec.devices == ("/dev/davinci1", *MANAGERS, "/dev/dvpp_cmdlist")
    assert mounts(spec)["/var/queue_schedule"] == ("/var/queue_schedule", True)
    by_runtime = container(cluster={"driver": {**PARTS, "docker_runtime": True}})
    assert by_runtime.devices == () and "/var/queue_schedule" not in mounts(by_runtime)


def test_cann_of_the_host_brings_the_driver_below_it(container):
    spec = container({"cann": "host"})

    assert mounts(spec)["/usr/local/Ascend"] == ("/usr/local/Ascend", True)
    assert "/usr/local/Ascend/driver" not in mounts(spec)
    assert "/usr/local/dcmi" in mounts(spec)


def test_cann_of_the_host_and_a_driver_elsewhere(container):
    spec = container({"cann": "host"}, {"driver": {"root": "/opt/driver"}})

    assert {"/usr/local/Ascend", "/opt/driver"} <= mounts(spec).keys()


def test_cann_of_the_host_under_the_ascend_docker_runtime(container):
    spec = container({"cann": "host"}, {"driver": {"docker_runtime": True}})

    assert {path for path in mounts(spec) if "Ascend" in path} == {"/usr/local/Ascend"}


def test_paths_of_the_driver_are_settings(container):
    driver = {"npu_smi": "/usr/local/sbin/npu-smi", "dcmi": "/opt/dcmi"}

    spec = container(cluster={"driver": driver})

    assert {"/usr/local/sbin/npu-smi", "/opt/dcmi"} <= mounts(spec).keys()


@pytest.mark.parametrize("kind", [{"device": "cpu"}, {"device": "ascend910b"}])
def test_a_rank_without_a_device_sees_no_npu(container, kind):
    spec = container({"devices_per_rank": 0, "ranks": 2, "launch": "none"}, kind)

    assert spec.devices == ()
    assert spec.groups == ()
    assert not {path for path in mounts(spec) if not path.startswith("/run/launcher/")}


def test_the_scheduler_has_no_device(container):
    spec = container({"launch": "dynamic"})

    assert spec.name == "@RUN@-@ATTEMPT@-scheduler"
    assert spec.devices == ()
    assert "/run/launcher/LOG_SCHED" in mounts(spec)
    assert "/run/launcher/rank_table.json" not in mounts(spec)


def test_an_own_user_and_no_known_group(container):
    spec = container({"user": "root"}, {"hosts": [HOST]})

    assert spec.user == "root"
    assert spec.groups == ()


def test_volumes_are_read_only_but_for_the_output(container):
    volumes = {
        "dataset": {"source": "/data/set"},
        "code": {"source": "."},
        "output": {},
        "scratch": {"source": "/scratch", "target": "/tmp/scratch", "read_only": False},
        "kept": {"source": "/kept", "target": "/kept"},
    }

    seen = mounts(container({"volumes": volumes}))

    assert seen["/launcher/dataset"] == ("/data/set", True)
    assert seen["/launcher/code"] == ("/data/launcher/code/@CODE@", True)
    assert seen["/launcher/output"] == ("/data/launcher/runs/@RUN@/ckpt", False)
    assert seen["/tmp/scratch"] == ("/scratch", False)
    assert seen["/kept"] == ("/kept", True)


def test_the_snapshot_of_the_code_is_never_written(container):
    volumes = {"code": {"source": ".", "read_only": False}}

    assert mounts(container({"volumes": volumes}))["/launcher/code"][1] is True


def test_an_output_can_be_read_only_and_elsewhere(container):
    volumes = {"output": {"source": "/data/out", "target": "/out", "read_only": True}}

    assert mounts(container({"volumes": volumes}))["/out"] == ("/data/out", True)


def test_nested_volumes_come_after_the_outer_ones(container):
    volumes = {
        "inner": {"source": "/i", "target": "/home/admin/data/set"},
        "beside": {"source": "/b", "target": "/home/admin/code/"},
        "outer": {"source": "/o", "target": "/home/admin"},
    }

    targets = [mount.target for mount in container({"volumes": volumes}).mounts]

    assert targets[-3:] == ["/home/admin", "/home/admin/code/", "/home/admin/data/set"]


@pytest.mark.parametrize(
    "target", ["/run/launcher/state", "/etc/hccn.conf", "/usr/local/Ascend/driver/", "/run/launcher/LOG0"]
)
def test_a_volume_over_what_the_launcher_mounts_is_refused(plans, target):
    volumes = {"mine": {"source": "/mine", "target": target}, "other": {"source": "/other"}}

    (problem,) = plans.problems({"ranks": 1, "volumes": volumes}, ascend=True)

    assert "the launcher mounts something there itself" in problem
    assert problem.startswith("job.yaml:")


def test_secrets_are_a_mounted_file_and_in_no_environment(plans):
    made = plans.plan({"secrets": ["TOKEN"]}, ascend=True)

    spec = made.members[0].container
    assert mounts(spec)["/run/launcher/secrets"] == ("/dev/shm/launcher-@UID@/@RUN@/secrets", True)
    assert made.hosts[0].secrets_file == "/dev/shm/launcher-@UID@/@RUN@/secrets"
    assert "TOKEN" not in dict(spec.environment) | dict(made.members[0].environment)


def test_sources_that_docker_does_not_make_are_made(plans):
    volumes = {"output": {"source": "/data/out"}}

    made = plans.plan({"volumes": volumes}, ascend=True)

    directories = made.hosts[0].directories
    for mount in made.members[0].container.mounts:
        if not mount.read_only or mount.target == "/run/launcher/lease":
            assert any(path == mount.source or path.startswith(f"{mount.source}/") for path in directories)


def test_docker_words_say_what_the_container_is(container):
    spec = container({"secrets": ["TOKEN"], "volumes": {"output": {}}}, {"driver": {"docker_runtime": True}})

    words = docker_words(spec)

    assert words[:3] == ("docker", "run", "--detach")
    assert words[-2:] == ("image:1", "/run/launcher/scripts/rank-0.sh")
    expected = {
        "--name=@RUN@-@ATTEMPT@-0",
        "--hostname=r0-@RUN@",
        "--user=@UID@:@GID@",
        "--group-add=1000",
        "--network=host",
        "--ipc=host",
        "--init",
        "--security-opt=no-new-privileges",
        "--security-opt=label=disable",
        "--ulimit=nofile=65535:65535",
        "--runtime=ascend",
        "--env=ASCEND_VISIBLE_DEVICES=0",
        "--label=launcher.run=@RUN@",
        "--pull=never",
        "--entrypoint=/bin/sh",
    }
    assert expected <= set(words)
    assert sum(word.startswith("--mount=") for word in words) == len(spec.mounts)
    assert "--device=/dev/davinci3" in docker_words(container(rank=3))


@pytest.mark.parametrize(
    ("cluster_ssh", "host_ssh", "first"),
    [
        ({}, None, "docker"),
        ({"sudo": True}, None, "sudo"),
        ({"sudo": True}, {"port": 22}, "sudo"),
        ({"sudo": True}, {"sudo": False}, "docker"),
        ({}, {"sudo": True}, "sudo"),
    ],
)
def test_docker_through_sudo(plans, cluster_ssh, host_ssh, first):
    host = {**HOST, **({"ssh": host_ssh} if host_ssh is not None else {})}

    made = plans.plan(cluster={"ssh": cluster_ssh, "hosts": [host]}, ascend=True)

    script = dict(made.hosts[0].files)["scripts/host-node1.sh"]
    assert f"start @RUN@-@ATTEMPT@-0 {first} " in script


def test_a_mount_arrives_as_docker_reads_it(container, hostile):
    """Docker's --mount takes one record of comma separated values; a line break stands inside quotes."""
    source, target = f"/from/{hostile}", f"/to/{hostile}/end"

    spec = container({"volumes": {"odd": {"source": source, "target": target}}})

    (mount,) = [mount for mount in spec.mounts if mount.target == target]
    (word,) = [word for word in docker_words(spec) if word.startswith("--mount=") and "target=/to/" in word]
    (record,) = csv.reader(io.StringIO(word.removeprefix("--mount="), newline=""), strict=True)
    assert record == ["type=bind", f"source={mount.source}", f"target={target}", "readonly"]
