"""Images through a registry: hosts pull, one first, and nothing else than what the other hosts have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.errors import ExitCode
from tests.cluster.bed import Testbed
from tests.cluster.delivered import NAME, derive, derive_for_arm, image_id
from tests.cluster.registry import PASSWORD, PROGRAM, USER, Registry, is_installed

HOSTS = ("h1", "h2")


@pytest.fixture
def serve(bed: Testbed, tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Starts a registry; hosts have neither its images nor logins to it afterwards."""
    if not is_installed():
        pytest.skip(f"needs {PROGRAM}")
    started: list[Registry] = []

    def start(*, locked: bool = False) -> Registry:
        started.append(Registry(tmp_path / "registry", bed.machine, locked=locked))
        return started[-1]

    yield start
    for registry in started:
        registry.close()
        for host in HOSTS:
            bed.exec(host, f"docker logout {registry.address}", check=False)
    forget(bed)


def forget(bed: Testbed, *hosts: str) -> None:
    for host in hosts or HOSTS:
        bed.exec(host, f"docker rmi -f {NAME}", check=False)


def names(bed: Testbed, host: str) -> list[str]:
    return [
        line
        for line in bed.exec(host, "docker image ls --format '{{.Repository}}:{{.Tag}}'").split()
        if "delivered" in line
    ]


def pushed(place, registry: Registry, *words: str):
    return place.launcher("image", "push", NAME, "-c", place.cluster, *words, "--registry", registry.address)


def test_a_run_pulls_what_was_pushed_one_host_first(place, bed, serve):
    registry = serve()
    derive(bed, "h1")
    done = pushed(place, registry)
    assert done.returncode == 0 and f"pushed to {registry.address} by h1" in done.stderr, done.stderr
    was = image_id(bed, "h1")
    forget(bed)
    place.use(registry=registry.address)
    done = place.run(place.job("echo trained", ranks=4, placement="spread", image=NAME))
    assert done.returncode == ExitCode.OK, done.stderr
    said = [each["message"] for each in place.events(place.only_run()) if each["event"] == "image"]
    assert said[0] == f"image {NAME}: pulled from {registry.address} by h1, h2"
    assert registry.readers() == [bed.addresses["h1"], bed.addresses["h2"]]
    assert image_id(bed, "h1") == image_id(bed, "h2") == was
    assert names(bed, "h1") == names(bed, "h2") == [NAME]


@pytest.mark.full
def test_another_image_than_the_hosts_have_is_refused(place, bed, serve):
    registry = serve()
    derive(bed, "h2", size="1M")
    assert pushed(place, registry).returncode == 0
    forget(bed, "h2")
    derive(bed, "h1", size="1M")
    place.use(registry=registry.address)
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert f"host h2: {registry.address} gave image {NAME} as " in done.stderr
    assert f"push theirs: launcher image push {NAME} --registry {registry.address}" in done.stderr
    assert names(bed, "h2") == []


@pytest.mark.full
def test_an_image_for_another_architecture_is_refused(place, bed, serve):
    registry = serve()
    derive_for_arm(bed, "h1")
    assert pushed(place, registry).returncode == 0
    forget(bed)
    place.use(registry=registry.address)
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert f"host h1: image {NAME} is for arm64, the host is amd64" in done.stderr
    assert names(bed, "h1") == names(bed, "h2") == []


def test_what_the_registry_lacks_comes_from_a_host_or_is_said_to_lack(place, bed, serve):
    registry = serve()
    place.use(registry=registry.address)
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == ExitCode.JOB_FAILED
    assert "error: host h1: " in done.stderr and "manifest unknown" in done.stderr
    assert f"next: put it there from a host that has it: launcher image push {NAME}" in done.stderr
    derive(bed, "h1", size="1M")
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == 0 and "it is sent from host to host instead" in done.stderr, done.stderr
    assert image_id(bed, "h2") == image_id(bed, "h1")


@pytest.mark.full
def test_a_registry_that_wants_a_login(place, bed, serve):
    registry = serve(locked=True)
    derive(bed, "h1", size="1M")
    refused = pushed(place, registry)
    assert refused.returncode == ExitCode.JOB_FAILED and "no basic auth credentials" in refused.stderr
    assert f"next: log in on h1: docker login {registry.address}" in refused.stderr
    assert names(bed, "h1") == [NAME]
    bed.exec("h1", f"echo {PASSWORD} | docker login -u {USER} --password-stdin {registry.address}")
    assert pushed(place, registry).returncode == 0
    forget(bed)
    place.use(registry=registry.address)
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^host h2: .*no basic auth.*; it is sent from host to host instead$", done.stderr, re.M)
    assert image_id(bed, "h2") == image_id(bed, "h1")


@pytest.mark.full
def test_a_registry_that_does_not_answer(place, bed):
    place.use(registry=f"{bed.machine}:5000/ai")
    done = place.launcher("image", "push", NAME, "-c", place.cluster)
    assert done.returncode == ExitCode.JOB_FAILED and "connection refused" in done.stderr
    assert f"next: let h1 reach {bed.machine}:5000: is it up" in done.stderr
