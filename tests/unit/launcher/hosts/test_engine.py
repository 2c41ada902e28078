"""Docker's API over a channel of a host: whole answers, Docker's own refusals, and the fence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from docker.constants import DEFAULT_DOCKER_API_VERSION

from launcher.claims import lease
from launcher.hosts import HostError, LocalHost, RemoteError
from launcher.hosts.engine import engine
from launcher.hosts.fence import Fenced
from launcher.hosts.ssh import SshHost
from tests.unit.launcher.fake_docker import FakeDocker

HERE = LocalHost("here")


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    """A run directory with a lease of epoch 1."""
    lease.take(HERE, str(tmp_path / "gd-1"), 1, "me@here 1 2 3", "process")
    return str(tmp_path / "gd-1")


def test_docker_answers_over_one_channel(docker: FakeDocker) -> None:
    docker.add("one", {"a": "b"})
    with engine(HERE) as api:
        assert api.version()["Arch"] == "arm64"
        assert [each["Names"] for each in api.containers(all=True)] == [["/one"]]
    assert len(docker.asked("system", "dial-stdio")) == 1
    assert docker.asked("fence") == [["fence", None]]


def test_docker_answers_over_ssh(docker: FakeDocker, host: SshHost, server) -> None:
    with engine(host) as api:
        api.version()
        api.info()
    assert (server.connections, server.sessions) == (1, 1)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize(
    ("offered", "used"), [("1.41", "1.41"), ("1.24", "1.24"), ("9.99", DEFAULT_DOCKER_API_VERSION)]
)
def test_the_newest_version_that_both_know_is_spoken(
    docker: FakeDocker, offered: str, used: str, silent: bool
) -> None:
    """Also where the engine says its version in no header."""
    docker.set(api=offered, silent=silent)
    with engine(HERE) as api:
        api.info()
    assert docker.asked("GET", f"/v{used}/info")
    assert bool(docker.asked("GET", "/version")) is silent


def test_the_environment_of_the_launcher_leads_nowhere_else(docker, monkeypatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "DOCKER_HOST"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with engine(HERE) as api:
        assert api.version()["Arch"] == "arm64"


def test_what_docker_refuses_is_said_in_its_words(docker: FakeDocker) -> None:
    with pytest.raises(RemoteError, match=r"^host here: No such container: none$"), engine(HERE) as api:
        api.start("none")


def test_a_name_is_one_part_of_an_address(docker: FakeDocker) -> None:
    with pytest.raises(RemoteError, match="No such image: repo/image:1"), engine(HERE) as api:
        api.inspect_image("repo/image:1")


def test_an_error_of_the_caller_is_its_own(docker: FakeDocker) -> None:
    with pytest.raises(ZeroDivisionError), engine(HERE):
        1 / 0  # noqa: B018


# ---- the fence


def test_who_has_the_lease_may_change_what_docker_has(docker: FakeDocker, run_dir: str) -> None:
    with engine(HERE, fence=(run_dir, 1)) as api:
        api.create_container("i", name="c", labels={})
    assert docker.asked("fence") == [["fence", "gd-1:1"]]
    assert [each["name"] for each in docker.containers()] == ["c"]


def test_who_has_not_the_lease_does_not_reach_docker(docker: FakeDocker, run_dir: str) -> None:
    lease.take(HERE, run_dir, 2, "another", "process")
    with pytest.raises(Fenced, match="has epoch 2, not 1"), engine(HERE, fence=(run_dir, 1)) as api:
        api.create_container("i", name="c", labels={})
    assert docker.asked("system") == [] and docker.containers() == []


@pytest.mark.parametrize("sudo", [False, True])
def test_who_loses_the_lease_loses_docker(docker: FakeDocker, run_dir: str, sudo: bool) -> None:
    hung_up = pytest.raises((HostError, RemoteError), match=r"host here: (Docker hung up|Killed)")
    with hung_up, engine(HERE, fence=(run_dir, 1), sudo=sudo) as api:
        api.version()
        lease.take(HERE, run_dir, 2, "another", "process")
        api.create_container("i", name="late", labels={})
    assert docker.containers() == []


def test_the_lease_of_another_run_ends_nothing(docker: FakeDocker, run_dir: str, tmp_path: Path) -> None:
    with engine(HERE, fence=(run_dir, 1)) as api:
        lease.take(HERE, str(tmp_path / "gd-10"), 1, "me", "process")
        lease.take(HERE, str(tmp_path / "d-1"), 1, "me", "process")
        assert api.version()["Arch"] == "arm64"


# ---- ways to Docker that are none


def test_no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sh", "cat", "sed", "date"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RemoteError, match=r"^host here: .*docker: .*not found"), engine(HERE) as api:
        api.version()


def test_who_may_not_call_docker_is_told_how_to(docker: FakeDocker) -> None:
    docker.set(needs_sudo=True)
    with pytest.raises(RemoteError, match="host here: permission denied") as raised, engine(HERE) as api:
        api.version()
    assert "sudo: true" in raised.value.hint
    with engine(HERE, sudo=True) as api:
        assert api.version()["Arch"] == "arm64"


def test_sudo_that_wants_a_password_is_said(docker: FakeDocker) -> None:
    docker.put_program("sudo", "sleep 0.5; echo 'sudo: a password is required' >&2; exit 1")
    refused = pytest.raises(RemoteError, match="sudo: a password is required")
    with refused as raised, engine(HERE, sudo=True, timeout=3.0) as api:
        api.version()
    assert "NOPASSWD" in raised.value.hint


def test_a_docker_that_does_not_answer_is_given_up(docker: FakeDocker) -> None:
    docker.set(deaf=True)
    silent = pytest.raises(HostError, match=r"^host here: Docker did not answer within 1 s$")
    with silent, engine(HERE, timeout=1.0) as api:
        api.version()


@pytest.mark.timeout(5, method="signal")
def test_a_docker_that_makes_no_sense_is_lost_contact(docker: FakeDocker) -> None:
    docker.put_program("docker", "echo 'welcome to this host'; cat >/dev/null")
    with pytest.raises(HostError, match="host here: "), engine(HERE, timeout=5.0) as api:
        api.version()


def test_nothing_is_left_running(docker: FakeDocker, until) -> None:
    with engine(HERE) as api:
        api.version()
    marked = f"{docker.place}".encode()

    def living() -> list[str]:
        found = []
        for process in Path("/proc").iterdir():
            try:
                environ = (process / "environ").read_bytes() if process.name.isdigit() else b""
            except OSError:
                continue
            if marked in environ and process.name != str(os.getpid()):
                found.append(process.name)
        return found

    until(lambda: not living())
