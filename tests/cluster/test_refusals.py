"""A host that cannot do its part: its name and the cause are said, and nothing is left anywhere."""

from __future__ import annotations

import pytest

from launcher.errors import ExitCode
from tests.cluster.images.golden import SMALL


def run_files(bed, host: str) -> str:
    """What runs have left in the work directory of root."""
    return bed.exec(host, "ls /var/tmp/launcher-0/runs 2>/dev/null || true")


def assert_refused(place, done, code: ExitCode, *words: str) -> None:
    said = f"{done.stderr}\n{done.stdout}"
    assert done.returncode == code, said
    assert [word for word in words if word not in said] == [], said
    assert "Traceback" not in done.stderr
    place.assert_nothing_left()
    for host in ("h1", "h2"):
        assert run_files(place.bed, host) == ""


def test_another_host_key(place, bed):
    bed.change_host_key("h2")
    done = place.run(place.job("true", ranks=8))
    assert_refused(place, done, ExitCode.CHECK_FAILED, "host h2", "its host key is", "is known")


def test_a_host_that_does_not_answer(place, bed):
    bed.kill("h2")
    done = place.run(place.job("true", ranks=8))
    assert done.returncode == ExitCode.CHECK_FAILED
    assert ("host h2" in done.stderr and "no answer within" in done.stderr) or "No route" in done.stderr
    bed.start("h2")
    place.assert_nothing_left()


def test_a_full_disk(place, bed):
    bed.fill_disk("h2")
    bed.exec("h2", "dd if=/dev/zero of=/var/tmp/full bs=4k 2>/dev/null; true")
    done = place.run(place.job("true", ranks=8))
    assert_refused(place, done, ExitCode.START_FAILED, "host h2", "No space left on device")


def test_docker_that_is_stopped(place, bed):
    bed.stop_docker("h2")
    done = place.run(place.job("true", ranks=8))
    bed.start_docker("h2")
    assert_refused(place, done, ExitCode.CHECK_FAILED, "host h2", "docker: ", "docker.sock")


def test_no_image(place):
    done = place.run(place.job("true", ranks=8, image="launcher-test/none:1"))
    words = ("host h1", "host h2", "image launcher-test/none:1 is not there", "launcher image build")
    assert_refused(place, done, ExitCode.CHECK_FAILED, *words)


def test_a_device_that_a_strangers_container_has(place, bed):
    place.cluster = place.write("cluster.yaml", with_device_ips(bed.cluster("h1", "h2", device="ascend910b")))
    bed.exec("h2", f"docker run -d --init --name stranger --device /dev/davinci1 {SMALL} sleep 600")
    done = place.run(place.job("true", ranks=8))
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "host h2: containers: /dev/davinci1 is in use by container stranger" in done.stderr
    assert bed.exec("h2", "docker ps --format '{{.Names}}'") == "stranger\n"
    bed.exec("h2", "docker rm -f stranger")
    place.assert_nothing_left()


def with_device_ips(cluster: dict) -> dict:
    for number, host in enumerate(cluster["hosts"], 1):
        host["device_ips"] = {device: f"29.{number}.{device}.2" for device in range(4)}
    return cluster


@pytest.mark.parametrize("broken", ["h1", "h2"])
def test_a_host_whose_containers_do_not_start_rolls_all_back(place, bed, broken):
    bed.exec(broken, "mv /usr/bin/containerd-shim-runc-v2 /usr/bin/shim.away")
    done = place.run(place.job("exec sleep 600", ranks=8, user="daemon"))
    bed.exec(broken, "mv /usr/bin/shim.away /usr/bin/containerd-shim-runc-v2")
    assert_refused(place, done, ExitCode.START_FAILED, f"host {broken}", "containerd-shim-runc-v2")


def test_an_image_without_a_shell_is_named_as_the_cause(place, bed):
    bed.exec("h1", "printf x >/tmp/x && tar -C /tmp -c x | docker import - bare:1")
    done = place.run(place.job("true", ranks=8, image="bare:1"))
    assert done.returncode == ExitCode.JOB_FAILED
    assert "exec /bin/sh failed: No such file or directory" in done.stdout
    place.assert_nothing_left()
    for host in ("h1", "h2"):
        bed.exec(host, "docker rmi bare:1")
