"""Ranks as containers: what Docker is told."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.claims import lease
from launcher.errors import StartFailed
from launcher.hosts import RemoteError
from launcher.hosts.fence import Fenced
from launcher.plan.containers import docker_words
from launcher.plan.model import Container, Mount
from launcher.runtime import runtime_of
from launcher.runtime.container import ContainerRuntime
from tests.hostile import HOSTILE
from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.runtime.gang import HOST, RUN, RUNTIME, Gang

# ---- what Docker is told


def words_of(name: str, body: dict[str, Any]) -> dict[str, list[str]]:
    """The options of `docker run` that say what a request to the API says."""
    config = body["HostConfig"]
    return {
        "name": [name],
        "hostname": [body["Hostname"]],
        "user": [body["User"]],
        "group-add": config.get("GroupAdd", []),
        "network": [config["NetworkMode"]],
        "ipc": [config["IpcMode"]],
        "init": [""] if config.get("Init") else [],
        "security-opt": config["SecurityOpt"],
        "ulimit": [f"{each['Name']}={each['Soft']}:{each['Hard']}" for each in config["Ulimits"]],
        "runtime": [config["Runtime"]] if "Runtime" in config else [],
        "device": [each["PathOnHost"] for each in config.get("Devices", [])],
        "env": body["Env"],
        "label": [f"{key}={value}" for key, value in body["Labels"].items()],
        "entrypoint": body["Entrypoint"],
    }


def mounts_of(config: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"type": each["Type"], "source": each["Source"], "target": each["Target"]}
        | ({"readonly": ""} if each["ReadOnly"] else {})
        for each in config["Mounts"]
    ]


def read_words(words: tuple[str, ...]) -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """Options and mounts of `docker run` words."""
    options: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        options.setdefault(name, []).append(value)
    rows = (next(csv.reader([text], strict=True)) for text in options.pop("mount", []))
    mounts = [dict(each.partition("=")[::2] for each in row) for row in rows]
    return options, mounts


def assert_told_as_by_hand(docker: FakeDocker, container: Container) -> None:
    (request,) = [each for each in docker.asked("POST") if each[2]["Hostname"] == container.hostname]
    body, words = request[2], docker_words(container)
    last = len(words) - len(container.command[1:])
    assert (body["Image"], body["Cmd"]) == (words[last - 1], list(words[last:]))
    options, mounts = read_words(words[2 : last - 1])
    assert options.pop("detach") == [""] and options.pop("pull") == ["never"]
    (name,) = [each["name"] for each in docker.containers() if each["labels"] == dict(container.labels)]
    told = words_of(name, body)
    assert {key: values for key, values in told.items() if values} == options
    assert mounts_of(body["HostConfig"]) == mounts


def test_containers_are_made_as_docker_run_would(gang: Gang) -> None:
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    assert [each["status"] for each in gang.docker.containers()] == ["created"] * 2
    for member in gang.plan.members:
        assert_told_as_by_hand(gang.docker, member.container)


def test_the_ascend_docker_runtime_is_named(docker: FakeDocker, tmp_path: Path) -> None:
    gang = Gang(docker, tmp_path)
    gang.replace_containers(lambda each: replace(each, runtime="ascend", devices=(), init=False, groups=()))
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    for member in gang.plan.members:
        assert_told_as_by_hand(docker, member.container)
    RUNTIME.close()


def test_hostile_values_reach_docker_as_they_are(gang: Gang) -> None:
    paths = [f"/{text}/x" for text in HOSTILE]
    texts = [text for text in HOSTILE if text]

    def change(each: Container) -> Container:
        return replace(
            each,
            image=" ".join(texts),
            user="".join(texts),
            environment=tuple((f"V{n}", text) for n, text in enumerate(HOSTILE)),
            labels=(*each.labels, *((f"l{n}", text) for n, text in enumerate(HOSTILE))),
            mounts=tuple(
                Mount(source=path, target=f"/{n}{path}", read_only=n % 2 == 0) for n, path in enumerate(paths)
            ),
            command=("/bin/sh", "-c", *HOSTILE),
        )

    gang.replace_containers(change)
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    for member in gang.plan.members:
        assert_told_as_by_hand(gang.docker, member.container)


def test_what_is_there_already_is_left_alone(gang: Gang) -> None:
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    (first, second) = gang.docker.containers()
    Path(gang.docker.place, "containers", second["id"]).unlink()
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    assert [each["name"] for each in gang.docker.containers()] == [first["name"], second["name"]]
    assert len([each for each in gang.docker.asked("POST") if "/create" in each[1]]) == 3


def test_all_containers_of_a_host_are_started(gang: Gang) -> None:
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    for _ in range(2):  # those that run already are left alone
        RUNTIME.start(HOST, gang.plan, gang.part, 1)
    started = [each[1].split("/")[-2] for each in gang.docker.asked("POST") if each[1].endswith("/start")]
    assert started == [f"{RUN}-1-0", f"{RUN}-1-1"] * 2


def test_a_start_that_docker_refuses_is_a_failed_start(gang: Gang) -> None:
    with pytest.raises(StartFailed, match=rf"^host node1: No such container: {RUN}-1-0$"):
        RUNTIME.start(HOST, gang.plan, gang.part, 1)


def test_a_container_of_that_name_of_somebody_else_is_said(gang: Gang) -> None:
    gang.docker.add(f"{RUN}-1-0", {})
    with pytest.raises(RemoteError, match=r"The container name .* is already in use"):
        RUNTIME.create(HOST, gang.plan, gang.part, 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda gang: RUNTIME.create(HOST, gang.plan, gang.part, 1),
        lambda gang: RUNTIME.start(HOST, gang.plan, gang.part, 1),
        lambda gang: gang.stop(kill=True),
        lambda gang: RUNTIME.remove(HOST, gang.plan, gang.part, 1),
    ],
    ids=["create", "start", "stop", "remove"],
)
def test_who_has_lost_the_lease_changes_nothing(gang: Gang, act: Callable[[Gang], None]) -> None:
    process = gang.start("0")
    lease.take(HOST, gang.part.run_dir, 2, "another", "docker")
    with pytest.raises(Fenced):
        act(gang)
    assert process.poll() is None
    assert [each["status"] for each in gang.docker.containers()] == ["running"]


def test_docker_through_sudo(gang: Gang) -> None:
    gang.docker.set(needs_sudo=True)
    part = replace(gang.part, sudo=True)
    RUNTIME.create(HOST, gang.plan, part, 1)
    RUNTIME.remove(HOST, gang.plan, part, 1)
    assert gang.docker.asked("rm") and gang.docker.containers() == []


def test_the_runtime_of_clusters_whose_ranks_are_containers() -> None:
    assert isinstance(runtime_of("docker"), ContainerRuntime)
