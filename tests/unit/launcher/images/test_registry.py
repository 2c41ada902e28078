"""With a `docker` that only writes down what it is told; tests/cluster has a real registry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launcher.errors import CheckFailed
from launcher.hosts import Host, LocalHost, RemoteError
from launcher.images.identity import Image
from launcher.images.order import Order
from launcher.images.post import Site
from launcher.images.registry import _remedy, name_at, pull, push
from launcher.images.stock import Stock

LABELS = ["one", "two", "three"]
AT = "reg:5000/ai/launcher/cpu:1"
IMAGE = Image("sha256:aa", "amd64", ("l1",), "c1", 7)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the program; gives the file of its calls."""

    def make(text: str = "") -> Path:
        log = tmp_path / "told"
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\necho \"$*\" >>'{log}'\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return log

    return make


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch):
    """Makes an order for three hosts which after a pull have the images said, by label."""

    def make(said: list[str], **images: Image) -> Order:
        def look(host: Host, name: str, *, sudo: bool) -> Stock:
            assert name == AT
            return Stock("amd64", images.get(host.label, IMAGE))

        monkeypatch.setattr("launcher.images.order.look", look)
        hosts = {label: LocalHost(label) for label in LABELS}
        sites = dict.fromkeys(LABELS, Site("/w"))
        return Order("launcher/cpu:1", hosts, sites, registry="reg:5000/ai", tell=said.append)

    return make


TAKEN = [f"pull {AT}", f"tag {AT} launcher/cpu:1", f"rmi {AT}"]


def test_every_host_pulls_and_gives_the_image_the_name_that_jobs_say(docker, order) -> None:
    log, said = docker(), []
    pull(order(said), "reg:5000/ai", LABELS, None)
    calls = log.read_text().splitlines()
    assert calls[:3] == TAKEN and sorted(calls) == sorted(TAKEN * 3)
    assert said == ["image launcher/cpu:1: pulled from reg:5000/ai by one, two, three"]


def test_what_the_first_is_refused_no_other_tries(docker, order) -> None:
    log = docker("echo 'unauthorized: log in first' >&2; exit 1")
    with pytest.raises(RemoteError, match=r"^host one: unauthorized: log in first$") as raised:
        pull(order([]), "reg:5000/ai", LABELS, None)
    assert str(raised.value.hint).endswith("docker login reg:5000")
    assert log.read_text().splitlines() == TAKEN[:1]


OTHER = Image("sha256:bb", "amd64", ("l2",), "c1", 7)
FOREIGN = Image("sha256:cc", "arm64", ("l1",), "c1", 7)


@pytest.mark.parametrize(
    ("image", "wanted", "words"),
    [
        (
            IMAGE,
            OTHER,
            f"host one: reg:5000/ai gave image launcher/cpu:1 as {IMAGE.identity}, but",
        ),
        (FOREIGN, None, "host one: image launcher/cpu:1 is for arm64, the host is amd64"),
    ],
)
def test_an_image_that_is_not_meant_never_gets_the_name(docker, order, image, wanted, words) -> None:
    log = docker()
    with pytest.raises(CheckFailed, match=words):
        pull(order([], one=image), "reg:5000/ai", LABELS, wanted)
    assert log.read_text().splitlines() == [TAKEN[0], TAKEN[2]]


def test_a_host_that_gets_another_image_than_the_first_is_named(docker, order) -> None:
    docker()
    with pytest.raises(CheckFailed, match=r"^host three: reg:5000/ai gave image"):
        pull(order([], three=OTHER), "reg:5000/ai", LABELS, None)


@pytest.mark.parametrize("refused", [False, True])
def test_a_push_leaves_no_second_name(docker, refused: bool) -> None:
    said: list[str] = []
    log = docker("[ \"$1\" != push ] || { echo 'denied' >&2; exit 1; }" if refused else "")
    if refused:
        with pytest.raises(RemoteError, match="denied"):
            push("reg:5000/ai", "launcher/cpu:1", LocalHost("one"), sudo=False, tell=said.append)
    else:
        push("reg:5000/ai", "launcher/cpu:1", LocalHost("one"), sudo=False, tell=said.append)
    assert log.read_text().splitlines() == [f"tag launcher/cpu:1 {AT}", f"push {AT}", f"rmi {AT}"]


def test_a_name_that_says_the_registry_is_no_second_one(docker) -> None:
    log, said = docker("printf '%s\\n' 'a: Preparing' 'b: Preparing' 'a: Pushed'; sleep 1.5"), []
    push("reg:5000/ai/", AT, LocalHost("one"), sudo=False, tell=said.append)
    assert log.read_text().splitlines() == [f"push {AT}"]
    assert said[-1] == f"image {AT}: 1 of 2 layers are at reg:5000/ai/"


def test_who_calls_docker_by_sudo_logs_in_by_it() -> None:
    assert _remedy("denied", "x:1", "reg:5000", "h1", "sudo") == "log in on h1: sudo docker login reg:5000"


def test_names_at_a_registry() -> None:
    assert name_at("reg:5000/ai/", "launcher/cpu:1") == name_at("reg:5000/ai", AT) == AT


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("manifest for reg:5000/x:1 not found: manifest unknown", "image push x:1 --registry reg:5000/ai"),
        ("pull access denied, repository does not exist", "docker login reg:5000"),
        ("Head https://reg:5000/v2/: no basic auth credentials", "docker login reg:5000"),
        ("http: server gave HTTP response to HTTPS client", "/etc/docker/certs.d/reg:5000/ca.crt"),
        ("x509: certificate signed by unknown authority", "insecure-registries"),
        ("dial tcp 10.0.0.1:5000: connect: connection refused", "let h1 reach reg:5000"),
        ("dial tcp: lookup reg on 10.0.0.2:53: no such host", "let h1 reach reg:5000"),
    ],
)
def test_what_docker_says_has_a_remedy(said: str, remedy: str) -> None:
    assert remedy in str(_remedy(said, "x:1", "reg:5000/ai", "h1", ""))


LAYERS = """
[ "$1" != pull ] || {
    printf '%s\\n' 'a: Already exists' 'b: Pulling fs layer' 'c: Pulling fs layer' 'b: Pull complete'
    exec sleep 60
}
"""


def test_how_far_it_is_is_said_and_a_wish_to_stop_ends_it(docker, order, monkeypatch) -> None:
    docker(LAYERS)
    said: list[str] = []

    def stop() -> None:
        if len(said) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("launcher.images.progress._TELL_EVERY", 1.5)
    with pytest.raises(KeyboardInterrupt):
        pull(replace(order(said), stop=stop), "reg:5000/ai", LABELS, None)
    assert said[1] == "image launcher/cpu:1: host one has 2 of 3 layers"


def test_what_nobody_knows_has_none() -> None:
    assert _remedy("the moon is full", "x:1", "reg:5000", "h1", "") is None
