"""The scripts that start a host's members, run for real; a script that notes its words plays Docker."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from launcher.plan.containers import docker_words
from launcher.plan.layout import host_script
from launcher.plan.model import Binding
from tests.hostile import HOSTILE

ENDED = 30.0
BINDING = Binding(run_id="work-20260101-0a1b2c", attempt="1")
DOCKER = """#!/bin/sh
if [ "$1" = ps ]; then
    for word; do case $word in name=*) grep -qxF "$word" "$NOTED/names" 2>/dev/null && echo 0a1b2c; done
    exit 0
fi
for word; do case $word in --name=*) printf 'name=^/%s$\\n' "${word#--name=}" >>"$NOTED/names" ;; esac; done
printf '%s\\0' docker "$@" >>"$NOTED/words"
printf '\\n\\0' >>"$NOTED/words"
[ ! -e "$NOTED/refuse" ]
""".replace("&& echo 0a1b2c; done", "&& echo 0a1b2c ;; esac; done")


def write(made, host) -> Path:
    """The files of an attempt, as the launcher uploads them."""
    attempt = Path(host.attempt_dir)
    for name, text in made.files_of(host).items():
        (attempt / name).parent.mkdir(parents=True, exist_ok=True)
        (attempt / name).write_text(text, "utf-8")
    return attempt


def start(script: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(script)],
        env={**os.environ, **environ},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=ENDED,
    )


@pytest.fixture
def ended_afterwards():
    states: list[Path] = []
    yield states
    for record in (path for state in states for path in state.glob("*.pid")):
        with suppress(ProcessLookupError):
            os.killpg(int(record.read_text("utf-8").split()[0]), signal.SIGKILL)


def test_processes_start_once_each_in_a_session_of_its_own(plans, tmp_path, ended_afterwards):
    cluster = {"work_dir": str(tmp_path), "path": ["/first dir", "/second"]}
    job = {"ranks": 3, "launch": "none", "command": ["sh", "-c", 'echo "$PATH"; sleep 60']}
    made = plans.plan(job, cluster, binding=BINDING)
    attempt = write(made, made.hosts[0])
    ended_afterwards.append(attempt / "state")
    script = attempt / host_script("localhost")

    for _ in range(2):
        done = start(script, LAUNCHER_RUN="of another run", LEAK="x")
        assert (done.returncode, done.stderr) == (0, "")
    pids = [int((attempt / f"state/{rank}.pid").read_text("utf-8").split()[0]) for rank in range(3)]

    assert len(list((attempt / "state").glob("*.pid"))) == 3
    for rank, pid in enumerate(pids):
        assert os.getsid(pid) == pid
        environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        assert {"LAUNCHER_RUN=work-20260101-0a1b2c", f"LAUNCHER_RANK={rank}", "LAUNCHER_ATTEMPT=1"} <= set(
            environ
        )
        assert not any(each.startswith("LEAK=") for each in environ)
    deadline = time.monotonic() + ENDED
    while not (text := (attempt / "LOG0/log.txt").read_text("utf-8")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert text.startswith("/first dir:/second:")


def test_a_rank_that_cannot_start_is_an_error(plans, tmp_path):
    made = plans.plan({"launch": "none"}, {"work_dir": str(tmp_path)}, binding=BINDING)
    attempt = write(made, made.hosts[0])
    (attempt / "scripts/rank-2.sh").unlink()

    done = start(attempt / host_script("localhost"))

    assert done.returncode == 1
    assert "2 did not start" in done.stderr


@pytest.mark.parametrize("ascend", [False, True])
def test_nothing_starts_without_the_secrets(plans, tmp_path, ascend):
    made = plans.plan({"secrets": ["TOKEN"]}, {"work_dir": str(tmp_path)}, ascend=ascend, binding=BINDING)
    host = made.hosts[0]
    attempt = write(made, host)

    done = start(attempt / host_script(host.label))

    assert done.returncode == 1
    assert "the file with the secrets of this run is not there" in done.stderr
    assert not (attempt / "state").exists()


@pytest.fixture
def docker(tmp_path):
    """Words of each call of a Docker that starts nothing; environment that finds it."""
    noted = tmp_path / "noted"
    noted.mkdir()
    (noted / "docker").write_text(DOCKER, "utf-8")
    (noted / "sudo").write_text('#!/bin/sh\nexec "$@"\n', "utf-8")
    for name in ("docker", "sudo"):
        (noted / name).chmod(0o755)
    environ = {"PATH": f"{noted}:{os.environ['PATH']}", "NOTED": str(noted)}

    def calls() -> list[list[str]]:
        words = (noted / "words").read_bytes().decode("utf-8").split("\0\n\0")
        return [call.split("\0") for call in words if call]

    return noted, environ, calls


@pytest.mark.parametrize("sudo", [False, True])
def test_containers_start_once_by_the_words_of_the_plan(plans, tmp_path, docker, sudo):
    _, environ, calls = docker
    cluster = {"work_dir": str(tmp_path / "work"), "ssh": {"sudo": sudo}}
    made = plans.plan({"ranks": 2, "volumes": {"output": {}}}, cluster, ascend=True, binding=BINDING)
    host = made.hosts[0]
    attempt = write(made, host)

    for _ in range(2):
        done = start(attempt / host_script("node1"), **environ)
        assert (done.returncode, done.stderr) == (0, "")

    assert calls() == [list(docker_words(member.container)) for member in made.members]
    for mount in made.members[0].container.mounts:
        assert Path(mount.source).exists() or not mount.source.startswith(str(tmp_path))


def test_a_container_that_docker_refuses_ends_the_script(plans, tmp_path, docker):
    noted, environ, calls = docker
    (noted / "refuse").touch()
    made = plans.plan(cluster={"work_dir": str(tmp_path / "work")}, ascend=True, binding=BINDING)

    done = start(write(made, made.hosts[0]) / host_script("node1"), **environ)

    assert done.returncode == 1
    assert len(calls()) == 1


def test_hostile_values_reach_docker_as_data(plans, tmp_path, docker):
    _, environ, calls = docker
    volumes = {
        f"v{number}": {"source": f"/from/{text}/a", "target": f"/to/{number}{text}/b"}
        for number, text in enumerate(HOSTILE)
    }
    odd = "".join(text for text in HOSTILE if len(text) < 100 and "/" not in text)[:200]
    cluster = {"work_dir": str(tmp_path / odd), "driver": {"root": f"/driver/{odd}"}}
    job = {"ranks": 1, "volumes": volumes, "user": odd, "image": odd}
    made = plans.plan(job, cluster, ascend=True, binding=BINDING)
    host = made.hosts[0]

    done = start(write(made, host) / host_script("node1"), **environ)

    assert (done.returncode, done.stderr) == (0, "")
    assert calls() == [list(docker_words(made.members[0].container))]
    assert Path(host.attempt_dir, "state").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["cluster.yaml", "job.yaml", "noted", odd]
    )


def test_a_hostile_work_dir_and_path_reach_processes_as_data(plans, tmp_path, ended_afterwards, hostile):
    directory = tmp_path / f"d{hostile.replace('/', '_')[:100]}"
    cluster = {"work_dir": str(directory), "path": [f"/bin/{hostile}"]}
    job = {"ranks": 1, "launch": "none", "command": ["env", "-0"]}
    made = plans.plan(job, cluster, binding=BINDING)
    attempt = write(made, made.hosts[0])
    ended_afterwards.append(attempt / "state")

    done = start(attempt / host_script("localhost"))

    assert (done.returncode, done.stderr) == (0, "")
    deadline = time.monotonic() + ENDED
    while not (attempt / "state/0.end").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    environ = (attempt / "LOG0/log.txt").read_bytes().decode("utf-8").split("\0")
    assert f"LAUNCHER_LOG_DIR={attempt}/LOG0" in environ
    assert any(each.startswith(f"PATH={os.path.normpath(f'/bin/{hostile}')}:") for each in environ)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["cluster.yaml", "job.yaml", directory.name]
    )
