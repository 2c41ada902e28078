"""From and to a registry, with a `docker` that only writes down what it is told: no registry is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.hosts import LocalHost, RemoteError
from launcher.images.post import Site
from launcher.images.registry import pull, push

HOSTS = [LocalHost("one"), LocalHost("two"), LocalHost("three")]
SITES = {host.label: Site("/w", sudo=False) for host in HOSTS}
AT = "reg:5000/ai/launcher/cpu:1"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the program; `told` is its calls."""

    def make(text: str = "") -> Path:
        log = tmp_path / "told"
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\necho \"$*\" >>'{log}'\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return log

    return make


def test_every_host_pulls_and_gives_the_image_the_name_that_jobs_say(docker) -> None:
    log = docker()
    said: list[str] = []
    pull("reg:5000/ai", "launcher/cpu:1", HOSTS, SITES, said.append)
    calls = log.read_text().splitlines()
    first = [f"pull --quiet {AT}", f"tag {AT} launcher/cpu:1", f"rmi {AT}"]
    assert calls[:3] == first and sorted(calls) == sorted(first * 3)
    assert said == ["image launcher/cpu:1: pulled from reg:5000/ai by one, two, three"]


def test_what_the_first_is_refused_no_other_tries(docker) -> None:
    log = docker("echo 'unauthorized: log in first' >&2; exit 1")
    with pytest.raises(RemoteError, match=r"^host one: unauthorized: log in first$"):
        pull("reg:5000/ai", "launcher/cpu:1", HOSTS, SITES, print)
    assert log.read_text().splitlines() == [f"pull --quiet {AT}"]


@pytest.mark.parametrize("refused", [False, True])
def test_a_push_leaves_no_second_name(docker, refused: bool) -> None:
    log = docker("[ \"$1\" != push ] || { echo 'denied' >&2; exit 1; }" if refused else "")
    if refused:
        with pytest.raises(RemoteError, match="denied"):
            push("reg:5000/ai", "launcher/cpu:1", HOSTS[0], sudo=False)
    else:
        push("reg:5000/ai", "launcher/cpu:1", HOSTS[0], sudo=False)
    assert log.read_text().splitlines() == [f"tag launcher/cpu:1 {AT}", f"push {AT}", f"rmi {AT}"]
