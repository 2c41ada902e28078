"""Ranks as containers: the scripts that watch, stop and remove them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.hosts import DockerSilent, RemoteError, Stream
from launcher.run.gang import State, planned, read_line
from launcher.runtime import container
from tests.unit.launcher import fake_docker
from tests.unit.launcher.runtime.gang import HOST, RUN, RUNTIME, Gang

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
    assert member.reason.startswith("its exit code is Docker's, as it could not write it")


def test_success_that_could_not_be_written_is_success(gang: Gang) -> None:
    gang.start("0", code=0).kill()
    gang.start("1", code=137).kill()
    member, killed = told(gang).values()
    assert (member.state, member.exit_code, member.failed) == (State.ENDED, 0, False)
    assert "is a disk of its host full?" in member.reason
    assert killed.failed and killed.reason.startswith("killed before it could write an exit code")


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


def test_docker_itself_says_why_it_does_not_show_what_a_container_said(gang: Gang) -> None:
    refusal = "Error: configured logging driver does not support reading"
    gang.start("0", code=127, no_logs=refusal).kill()
    gang.docker.put_program("sudo", "echo sudo: a password is required >&2; exit 1")
    (gang.state / "1.end").write_text("0 6.5\n")
    assert refusal in told(gang)["0"].reason


def test_a_container_that_goes_between_two_questions_is_removed(gang: Gang) -> None:
    process = gang.start("0")
    (gang.state / "1.end").write_text("0 6.5\n")
    lists = 'case $1 in inspect) rm -f "$FAKE_DOCKER"/containers/* ;; esac'
    gang.docker.put_program("docker", f'{lists}; exec {sys.executable} -S "{fake_docker.__file__}" "$@"')
    (gang.state / "0.pid").write_text("1 2 boot\n")
    assert told(gang)["0"].reason == "its container was removed by somebody else"
    process.kill()


def test_where_processes_of_root_are_hidden_docker_is_asked_but_not_all_the_time(gang: Gang) -> None:
    first, second = gang.start("0", shown_pid=4194304), gang.start("1", shown_pid=4194304)
    stream = gang.watch()
    assert lines(stream, lambda told: len(told) == 2) == ["running 0 4194304", "running 1 4194304"]
    asked = len(gang.docker.asked())
    heard = b""
    while heard.count(b"beat") < 2:
        heard += stream.read()
    assert len(gang.docker.asked()) - asked <= 2
    first.kill()
    (gang.state / "1.end").write_text("0 6.5\n")
    second.kill()
    ended = lines(stream, lambda told: len(told) == 2)
    assert [line.split()[:2] for line in ended] == [["gone", "0"], ["end", "1"]]
    stream.close()


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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker is not asked twice."""
    monkeypatch.setattr(container, "PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_docker_that_does_not_answer_has_its_containers_still(gang: Gang) -> None:
    gang.docker.set(refusal="Cannot connect to the Docker daemon")
    with pytest.raises(DockerSilent, match="Docker does not answer: its containers are still there"):
        RUNTIME.remove(HOST, gang.plan, gang.part, 1)


@pytest.mark.usefixtures("impatient")
def test_a_docker_that_does_not_answer_does_not_mean_that_nothing_runs(gang: Gang) -> None:
    """Whatever the records say: a container that was made again, or by hand, has none."""
    process = gang.start("0")
    for key in ("0", "1"):
        (gang.state / f"{key}.end").write_text("0 5.0\n")
    gang.docker.set(refusal="Cannot connect to the Docker daemon")
    with pytest.raises(DockerSilent, match="Docker does not answer: containers may still run"):
        gang.stop(kill=True)
    assert process.poll() is None


@pytest.mark.parametrize(
    "end",
    [lambda gang: gang.stop(kill=True), lambda gang: RUNTIME.remove(HOST, gang.plan, gang.part, 1)],
    ids=["kill", "remove"],
)
def test_a_docker_that_is_restarted_is_asked_again(gang: Gang, monkeypatch, end) -> None:
    monkeypatch.setattr(container, "PAUSE", 0.0)
    process = gang.start("0")
    gang.docker.put_program("sudo", "exit 1")
    noted = 'echo x >>"$FAKE_DOCKER/tries"; [ "$(wc -l <"$FAKE_DOCKER/tries")" -gt 6 ] || exit 1'
    gang.docker.put_program("docker", f'{noted}; exec {sys.executable} -S "{fake_docker.__file__}" "$@"')
    end(gang)
    assert [each["status"] for each in gang.docker.containers()] in ([], ["exited"])
    process.kill()


def test_containers_that_cannot_be_removed_are_told(gang: Gang) -> None:
    gang.docker.add("made", gang.labels("1"))
    gang.docker.set(keeps=True)
    with pytest.raises(RemoteError, match=r"containers of this run cannot be removed: 0+1"):
        RUNTIME.remove(HOST, gang.plan, gang.part, 1)


def test_who_has_a_docker_of_their_own_finds_the_ranks_in_that_of_sudo(gang: Gang) -> None:
    gang.part = replace(gang.part, sudo=True)
    gang.docker.set(another_without_sudo=True)
    first, second = gang.start("0"), gang.start("1")
    stream = gang.watch()
    assert lines(stream, lambda told: len(told) == 2) == [f"running 0 {first.pid}", f"running 1 {second.pid}"]
    stream.close()
    for record in gang.state.glob("*.host"):
        record.unlink()  # Docker alone can end them
    gang.stop(kill=True)
    assert first.wait(10) == second.wait(10) == -signal.SIGKILL
    RUNTIME.remove(HOST, gang.plan, gang.part, 1)
    assert gang.docker.containers() == []
