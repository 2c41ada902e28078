"""Ranks as containers: what Docker is told, and the scripts that watch, stop and remove them."""

from __future__ import annotations

import csv
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.claims import lease
from launcher.errors import StartFailed
from launcher.hosts import LocalHost, RemoteError, Stream
from launcher.hosts.fence import Fenced
from launcher.plan.containers import docker_words
from launcher.plan.model import Binding, Container, HostPlan, Mount, Owner, Plan
from launcher.run.gang import State, planned, read_line
from launcher.runtime import runtime_of
from launcher.runtime.container import ContainerRuntime
from tests.hostile import HOSTILE
from tests.unit.launcher.fake_docker import FakeDocker
from tests.unit.launcher.plan.conftest import Plans

RUN = "work-20260101-0a1b2c"
HOST = LocalHost("node1")
RUNTIME = ContainerRuntime()


class Gang:
    """Two ranks of an attempt on one host, with a lease, and containers that are processes."""

    def __init__(self, docker: FakeDocker, path: Path) -> None:
        owners = {"node1": Owner(uid=str(os.getuid()), gid="8")}
        self.docker = docker
        self.plan: Plan = Plans(path).plan(
            {"ranks": 2, "volumes": {"output": {}}},
            {"work_dir": str(path / "work")},
            ascend=True,
            binding=Binding(run_id=RUN, attempt="1", owners=owners),
        )
        self.part: HostPlan = self.plan.hosts[0]
        for name in self.part.directories:
            Path(name).mkdir(parents=True)
        self.state = Path(self.part.attempt_dir) / "state"
        lease.take(HOST, self.part.run_dir, 1, "me")
        self._processes: list[subprocess.Popen[bytes]] = []

    def replace_containers(self, change: Callable[[Container], Container]) -> None:
        """Change what every container is to be."""
        members = [replace(each, container=change(each.container)) for each in self.plan.members]
        self.plan = replace(self.plan, members=tuple(members))

    def labels(self, key: str, **more: str) -> dict[str, str]:
        """As the plan has them."""
        return {**dict(self.plan.members[int(key)].container.labels), **more}

    def start(self, key: str, **state: Any) -> subprocess.Popen[bytes]:
        """A container that runs, and has written the record that rank scripts write of themselves."""
        process = subprocess.Popen(["sleep", "600"])
        self._processes.append(process)
        self.docker.add(f"c{key}", self.labels(key), process.pid, **state)
        (self.state / f"{key}.pid").write_text("1 2 of-the-container 5\n")
        return process

    def watch(self) -> Stream:
        return RUNTIME.watch(HOST, self.plan, self.part)

    def stop(self, *, kill: bool, epoch: int = 1) -> None:
        RUNTIME.stop(HOST, self.plan, self.part, epoch, kill=kill)

    def close(self) -> None:
        """End what was started."""
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def gang(docker: FakeDocker, tmp_path: Path) -> Iterator[Gang]:
    made = Gang(docker, tmp_path)
    yield made
    made.close()
    RUNTIME.close()


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
    lease.take(HOST, gang.part.run_dir, 2, "another")
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


# ---- watching


def lines(stream: Stream, until: Callable[[list[str]], object]) -> list[str]:
    """What a watch says but for beats, until it suffices; one that says nothing hangs and shows where."""
    heard = b""
    while True:
        data = stream.read()
        heard += data
        told = [line for line in heard.decode().split("\n") if line not in ("", "beat")]
        if not data or (heard.endswith(b"\n") and until(told)):
            return told


def told(gang: Gang) -> dict[str, Any]:
    """What the supervisor knows after a watch that has come to its end."""
    members = planned(gang.plan.members)
    stream = gang.watch()
    for line in lines(stream, lambda _: False):
        status = read_line(line, members)
        assert status is not None
        members[status.key] = status
    stream.close()
    return members


def test_running_containers_are_known_by_the_pid_on_the_host(gang: Gang) -> None:
    first, second = gang.start("0"), gang.start("1")
    stream = gang.watch()
    assert lines(stream, lambda told: len(told) == 2) == [f"running 0 {first.pid}", f"running 1 {second.pid}"]
    (gang.state / "0.end").write_text("0 5.5\n")
    (gang.state / "1.end").write_text("7 6.5\n")
    first.kill(), second.kill()
    assert lines(stream, lambda told: len(told) == 2) == ["end 0 0 5.5 own ", "end 1 7 6.5 own "]
    assert stream.read() == b""
    stream.close()


def test_docker_is_asked_once_while_all_run(gang: Gang) -> None:
    gang.start("0"), gang.start("1")
    stream = gang.watch()
    heard = b""
    while heard.count(b"beat") < 2:  # ten looks
        heard += stream.read()
    stream.close()
    assert (len(gang.docker.asked("ps")), len(gang.docker.asked("inspect"))) == (1, 1)


def test_a_container_that_vanished_is_gone_with_the_code_that_docker_knows(gang: Gang) -> None:
    gang.start("0", code=139).kill()
    (gang.state / "1.end").write_text("0 6.5\n")
    member = told(gang)["0"]
    assert (member.state, member.exit_code) == (State.GONE, 139)
    assert member.reason.startswith("killed before it could write an exit code")


def test_the_kernel_that_killed_it_is_named(gang: Gang) -> None:
    gang.start("0", oom=True).kill()
    (gang.state / "1.end").write_text("0 6.5\n")
    member = told(gang)["0"]
    assert (member.exit_code, member.reason) == (137, "out of memory: the kernel killed it")


def test_a_host_that_was_restarted_is_named(gang: Gang) -> None:
    gang.start("0", code=137).kill()
    (gang.state / "0.host").write_text("1 2 another-boot\n")
    (gang.state / "1.end").write_text("0 6.5\n")
    assert told(gang)["0"].reason == "its host was restarted"


def test_what_a_container_says_that_cannot_begin_is_the_reason(gang: Gang, hostile: str) -> None:
    gang.start("0", code=127, said=f"sh: 0: cannot open: {hostile}").kill()
    (gang.state / "1.end").write_text("0 6.5\n")
    member = told(gang)["0"]
    assert (member.state, member.exit_code) == (State.GONE, 127)
    assert member.reason and "\n" not in member.reason


def test_a_container_that_was_removed_by_others(gang: Gang) -> None:
    process = gang.start("0")
    (gang.state / "1.end").write_text("0 6.5\n")
    for each in (gang.docker.place / "containers").iterdir():
        each.unlink()
    process.kill()
    assert told(gang)["0"].reason == "its container was removed by somebody else"


def test_containers_that_were_made_but_never_started_are_absent(gang: Gang) -> None:
    RUNTIME.create(HOST, gang.plan, gang.part, 1)
    (gang.docker.place / "containers" / gang.docker.containers()[1]["id"]).unlink()
    assert {each.state for each in told(gang).values()} == {State.ABSENT}


def test_whom_the_launcher_stopped_is_stopped(gang: Gang) -> None:
    gang.start("0").kill()
    (gang.state / "0.stop").write_text("5.0\n")
    (gang.state / "1.end").write_text("143 6.5\n")
    (gang.state / "1.stop").write_text("5.0\n")
    assert {each.state for each in told(gang).values()} == {State.STOPPED}


def test_containers_of_others_are_not_ours(gang: Gang) -> None:
    process = gang.start("0")
    for change in ({"launcher.attempt": "2"}, {"launcher.owner": "4711"}, {"launcher.run": f"{RUN}0"}):
        gang.docker.add("other", gang.labels("1", **change), process.pid)
    stream = gang.watch()
    assert lines(stream, lambda told: len(told) == 2) == [f"running 0 {process.pid}", "absent 1"]
    stream.close()


# ---- stopping and removing


def test_term_reaches_the_first_process_of_each_container(gang: Gang) -> None:
    first, second = gang.start("0"), gang.start("1")
    stream = gang.watch()
    lines(stream, lambda told: len(told) == 2)
    stream.close()
    gang.stop(kill=False)
    assert (first.wait(60), second.wait(60)) == (-15, -15)
    assert gang.docker.asked("kill") == []
    assert (gang.state / "0.stop").exists() and not (gang.state / "0.end").exists()


def test_docker_is_asked_to_stop_what_no_watch_has_seen(gang: Gang) -> None:
    first, second = gang.start("0"), gang.start("1")
    gang.stop(kill=False)
    assert (first.wait(60), second.wait(60)) == (-15, -15)
    assert gang.docker.asked("kill", "--signal", "TERM")


def test_who_has_ended_is_not_called_stopped(gang: Gang) -> None:
    gang.start("0"), gang.start("1")
    (gang.state / "0.end").write_text("0 5.0\n")
    gang.stop(kill=False)
    assert not (gang.state / "0.stop").exists() and (gang.state / "1.stop").exists()


def test_kill_leaves_none_and_writes_what_they_could_not(gang: Gang) -> None:
    first, second = gang.start("0"), gang.start("1")
    gang.stop(kill=True)
    assert (first.wait(60), second.wait(60)) == (-9, -9)
    for key in ("0", "1"):
        code, moment = (gang.state / f"{key}.end").read_text().split()
        assert code == "137" and abs(float(moment) - time.time()) < 3600
        assert (Path(gang.part.attempt_dir) / f"LOG{key}/exit_code").read_text() == "137\n"
    gang.stop(kill=True)


def test_kill_keeps_an_end_that_was_written(gang: Gang) -> None:
    gang.start("0")
    (gang.state / "0.end").write_text("3 5.0\n")
    gang.stop(kill=True)
    assert (gang.state / "0.end").read_text() == "3 5.0\n"
    assert not (gang.state / "1.end").exists()


def test_containers_that_do_not_end_are_told(gang: Gang) -> None:
    gang.start("0", stubborn=True)
    gang.docker.put_program("sleep", "exit 0")
    with pytest.raises(RemoteError, match=r"^host node1: containers of this run do not end: 0+1$"):
        gang.stop(kill=True)
    assert not (gang.state / "0.end").exists()


def test_containers_of_others_are_not_ended(gang: Gang) -> None:
    gang.start("0")
    other = subprocess.Popen(["sleep", "600"])
    gang.docker.add("other", gang.labels("0", **{"launcher.owner": "4711"}), other.pid)
    gang.docker.add("later", gang.labels("0", **{"launcher.attempt": "2"}), other.pid)
    gang.stop(kill=True)
    RUNTIME.remove(HOST, gang.plan, gang.part, 1)
    assert other.poll() is None
    assert [each["name"] for each in gang.docker.containers()] == ["other"]  # an attempt is of the run
    other.kill()
    other.wait()


def test_removal_takes_what_has_ended_too(gang: Gang) -> None:
    gang.start("0").kill()
    gang.docker.add("made", gang.labels("1"))
    RUNTIME.remove(HOST, gang.plan, gang.part, 1)
    assert gang.docker.containers() == []
    assert [words[:3] for words in gang.docker.asked("rm")] == [["rm", "--force", "--volumes"]]


def test_where_there_is_no_container_nothing_is_removed(gang: Gang) -> None:
    RUNTIME.remove(HOST, gang.plan, gang.part, 1)
    assert gang.docker.asked("rm") == []


def test_a_docker_that_does_not_answer_has_its_containers_still(gang: Gang) -> None:
    gang.docker.set(refusal="Cannot connect to the Docker daemon")
    with pytest.raises(RemoteError, match="Docker does not answer: its containers are still there"):
        RUNTIME.remove(HOST, gang.plan, gang.part, 1)


def test_a_docker_that_does_not_answer_does_not_mean_that_nothing_runs(gang: Gang) -> None:
    process = gang.start("0")
    gang.docker.set(refusal="Cannot connect to the Docker daemon")
    with pytest.raises(RemoteError):
        gang.stop(kill=True)
    assert process.poll() is None


def test_containers_that_cannot_be_removed_are_told(gang: Gang) -> None:
    gang.docker.add("made", gang.labels("1"))
    gang.docker.set(keeps=True)
    with pytest.raises(RemoteError, match=r"containers of this run cannot be removed: 0+1"):
        RUNTIME.remove(HOST, gang.plan, gang.part, 1)
