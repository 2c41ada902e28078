"""The rank script, run for real by the shells that are here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from launcher.plan.model import Binding
from launcher.plan.scripts import quote
from tests.hostile import HOSTILE

ENDED = 30.0
SHELLS = ["/bin/sh", *filter(None, [shutil.which("bash")])]
SHOW = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open('seen.json', 'w'))"
BINDING = Binding(run_id="work-20260101-0a1b2c", attempt="1")


class Rank:
    """A rank of a plan on this machine, started by its script alone; the script looks about every 0.1 s."""

    def __init__(self, plans: Any, directory: Path) -> None:
        self.plans = plans
        self.directory = directory
        self.started: list[subprocess.Popen[bytes]] = []
        tools = directory / "tools"
        tools.mkdir()
        (tools / "sleep").write_text(
            f'#!/bin/sh\n[ "$1" != 5 ] || set -- 0.1\nexec {shutil.which("sleep")} "$@"\n', "utf-8"
        )
        (tools / "sleep").chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"

    def start(
        self,
        job: dict[str, Any],
        shell: str = "sh",
        cluster: dict[str, Any] | None = None,
        **environ: str,
    ) -> subprocess.Popen[bytes]:
        place = {"work_dir": str(self.directory / "work"), **(cluster or {})}
        made = self.plans.plan({"ranks": 2, "launch": "none", **job}, place, binding=BINDING)
        host = made.hosts[0]
        self.attempt = Path(host.attempt_dir)
        self.log = self.attempt / "LOG0"
        self.state = self.attempt / "state"
        self.lease = Path(host.run_dir) / "lease"
        for path in host.directories:
            Path(path).mkdir(parents=True, exist_ok=True)
        for name, text in made.files_of(host).items():
            (self.attempt / name).parent.mkdir(exist_ok=True)
            (self.attempt / name).write_text(text, "utf-8")
        self.identity = {
            "LAUNCHER_RUN": "work-20260101-0a1b2c",
            "LAUNCHER_RANK": "0",
            "LAUNCHER_ATTEMPT": "1",
        }
        process = subprocess.Popen(
            [shell, str(self.attempt / "scripts/rank-0.sh")],
            env={"PATH": self.path, "HOME": str(self.directory), **self.identity, **environ},
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *args: Any, **kwargs: Any) -> int:
        return self.start(*args, **kwargs).wait(ENDED)

    def line(self, text: str, **job: Any) -> dict[str, Any]:
        """A job whose command is a line of shell."""
        return {"command": ["sh", "-c", text], **job}

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + ENDED
        while not condition():
            assert time.monotonic() < deadline, (self.log / "log.txt").read_text("utf-8", "replace")
            time.sleep(0.02)

    def fail_another(self) -> None:
        (self.state / "1.end").write_text("1 1.0\n", "utf-8")

    @property
    def text(self) -> str:
        return (self.log / "log.txt").read_text("utf-8")

    @property
    def exit_code(self) -> str:
        return (self.log / "exit_code").read_text("utf-8").strip()

    @property
    def end(self) -> str:
        return (self.state / "0.end").read_text("utf-8").split()[0]

    @property
    def seen(self) -> tuple[list[str], dict[str, str]]:
        words, environ = json.loads((self.log / "seen.json").read_text("utf-8"))
        return words, environ


@pytest.fixture
def rank(plans: Any, tmp_path: Path) -> Iterator[Rank]:
    made = Rank(plans, tmp_path)
    yield made
    for process in made.started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(ENDED)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_the_exit_code_of_the_command_is_kept(rank, shell, line, code):
    assert rank.run(rank.line(line), shell) == code
    assert rank.exit_code == rank.end == str(code)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_that_does_not_exist(rank, shell):
    assert rank.run({"command": ["no-such-command"]}, shell) == 127
    assert rank.exit_code == "127"
    assert "no-such-command" in rank.text


def test_a_command_that_cannot_be_run(rank):
    assert rank.run({"command": [str(rank.directory)]}) == 126
    assert rank.exit_code == "126"


def test_output_goes_to_the_log_and_input_is_empty(rank):
    assert rank.run(rank.line('cat; echo out; echo err >&2; test "$PWD" = "$LAUNCHER_LOG_DIR"')) == 0
    assert rank.text == "out\nerr\n"


def test_the_record_names_the_process_for_good(rank):
    process = rank.start(rank.line("sleep 60"))
    rank.wait_for((rank.state / "0.pid").exists)

    pid, start, boot, now = (rank.state / "0.pid").read_text("utf-8").split()
    assert int(pid) == process.pid
    assert start == Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    assert abs(float(now) - time.time()) < ENDED


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on_as_term(rank, shell, number):
    job = rank.line("trap 'echo ended; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    process = rank.start(job, shell)
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and "ready" in rank.text)

    process.send_signal(number)

    assert process.wait(ENDED) == 7
    assert rank.exit_code == rank.end == "7"
    assert "ended" in rank.text


@pytest.mark.parametrize("shell", SHELLS)
def test_several_signals_do_not_hide_the_exit_code(rank, shell):
    job = rank.line("trap 'n=$n.' TERM; echo ready; while [ ${#n} -lt 3 ]; do sleep 0.05; done; exit 9")
    process = rank.start(job, shell)
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and "ready" in rank.text)

    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.07)

    assert rank.exit_code == rank.end == "9"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_signal_at_any_moment_ends_the_rank(rank, shell):
    for wait in (0.0, 0.005, 0.01, 0.02, 0.04):
        process = rank.start(rank.line("sleep 60", timeouts={"max_unattended": "0"}), shell)
        time.sleep(wait)
        process.terminate()
        assert process.wait(ENDED) in (143, -signal.SIGTERM)


def test_a_killed_script_takes_its_command_along(rank):
    process = rank.start(rank.line("echo $$; sleep 60"))
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and rank.text.strip())

    process.kill()

    rank.wait_for((rank.state / "0.end").exists)
    rank.wait_for(lambda: not is_alive(int(rank.text.split()[0])))
    assert rank.exit_code == rank.end == "137"
    assert (rank.state / "0.reason").read_text("utf-8") == "its rank script was killed\n"


def test_nobody_watches_and_another_rank_has_failed(rank):
    process = rank.start(rank.line("sleep 60", timeouts={"orphan_grace": "0"}))
    rank.fail_another()

    assert process.wait(ENDED) == 143
    reason = (rank.state / "0.reason").read_text("utf-8")
    assert "no supervisor for" in reason
    assert "a rank of this host has failed" in reason
    assert rank.end == "143"
    assert "launcher: ending this rank: no supervisor" in rank.text


def test_a_stale_lease_counts_from_the_start_of_the_rank(rank):
    """What another attempt left behind does not end this one at once."""
    rank.start(rank.line("sleep 1; echo lived", timeouts={"orphan_grace": "60", "max_unattended": "60"}))
    (rank.lease / "renewed").write_text("1\n", "utf-8")
    rank.fail_another()

    rank.wait_for((rank.state / "0.end").exists)
    assert rank.end == "0"
    assert rank.text == "lived\n"


@pytest.mark.parametrize(
    ("more", "watched", "failed"),
    [
        ({"timeouts": {"orphan_grace": "0"}}, False, False),
        ({"timeouts": {"orphan_grace": "0", "max_unattended": "0"}}, True, True),
        ({"timeouts": {"orphan_grace": "60"}}, False, True),
        ({"timeouts": {"orphan_grace": "0"}, "on_failure": "continue"}, False, True),
    ],
    ids=["no rank failed", "watched", "not for long", "others go on"],
)
def test_reasons_to_go_on(rank, more, watched, failed):
    process = rank.start(rank.line("sleep 2.5", **more))
    if watched:
        (rank.lease / "renewed").write_text(f"{time.time() + 1000:.0f}\n", "utf-8")
    if failed:
        rank.fail_another()

    assert process.wait(ENDED) == 0
    assert not (rank.state / "0.reason").exists()


def test_the_end_of_a_rank_that_ended_well_is_no_failure(rank):
    process = rank.start(rank.line("sleep 2.5", timeouts={"orphan_grace": "0"}))
    (rank.state / "1.end").write_text("0 1.0\n", "utf-8")

    assert process.wait(ENDED) == 0


def test_nobody_watches_for_too_long(rank):
    assert rank.run(rank.line("sleep 60", timeouts={"max_unattended": "0"})) == 143
    assert "no supervisor for" in (rank.state / "0.reason").read_text("utf-8")


def test_a_log_beyond_its_limit_ends_the_rank(rank):
    job = rank.line("head -c 5000 /dev/zero | tr '\\0' x; echo; sleep 60", limits={"log_bytes": 1000})

    assert rank.run(job) == 143
    assert (rank.state / "0.reason").read_text("utf-8") == "log.txt has passed limits.log_bytes, 1000\n"
    assert rank.exit_code == rank.end == "143"


def test_a_rank_that_the_script_ended_has_failed_even_if_its_command_ends_well(rank):
    line = "trap 'exit 0' TERM; head -c 5000 /dev/zero; while :; do sleep 0.05; done"

    assert rank.run(rank.line(line, limits={"log_bytes": 1000})) == 143


def test_a_command_that_does_not_heed_term_is_killed_after_the_grace(rank):
    line = "trap '' TERM; echo $$; head -c 5000 /dev/zero | tr '\\0' '\\n'; while :; do sleep 0.05; done"
    job = rank.line(line, limits={"log_bytes": 1000}, timeouts={"stop_grace": 0.3})

    assert rank.run(job) == -signal.SIGKILL
    assert rank.exit_code == rank.end == "137"
    assert "limits.log_bytes" in (rank.state / "0.reason").read_text("utf-8")
    rank.wait_for(lambda: not is_alive(int(rank.text.split()[0])))


def test_secrets_reach_the_command_and_nothing_else(rank, monkeypatch):
    secrets = {f"MINE{number}": f"<{text}>" for number, text in enumerate(HOSTILE)}
    file = rank.directory / "secrets"
    monkeypatch.setattr("launcher.plan.layout.secrets_file", lambda uid, run: str(file))
    file.write_text("".join(f"{name}={quote(value)}\n" for name, value in secrets.items()), "utf-8")

    assert rank.run({"command": [sys.executable, "-c", SHOW], "secrets": list(secrets)}) == 0
    assert secrets.items() <= rank.seen[1].items()
    assert "MINE" not in (rank.log / "env.log").read_text("utf-8")


def test_secrets_that_cannot_be_read(rank):
    assert rank.run({"command": ["true"], "secrets": ["MINE"]}) == 126
    assert "the secrets of this run cannot be read" in rank.text


def test_env_log_is_redacted(rank):
    env = {
        "API_TOKEN": "abc\ndef",
        "db_password": "pw",
        "SOME_KEY": "k",
        "PLAIN": "two\nlines",
        "URL": "http://me:pw@h/",
    }

    assert rank.run({"command": ["true"], "env": env}) == 0
    lines = (rank.log / "env.log").read_text("utf-8").splitlines()
    assert {"API_TOKEN=(redacted)", "db_password=(redacted)", "SOME_KEY=(redacted)"} <= set(lines)
    assert {"PLAIN=two lines", "URL=http://(redacted)@h/", "RANK_ID=0", "LAUNCHER_RANK=0"} <= set(lines)
    assert not {"def", "pw", "abc"} & set(" ".join(lines).replace("=", " ").split())
    assert lines == sorted(lines, key=lambda line: line.encode())


@pytest.mark.parametrize("shell", SHELLS)
def test_hostile_values_arrive_as_data(rank, shell):
    env = {f"ODD{number}": text for number, text in enumerate(HOSTILE)}

    assert rank.run({"command": [sys.executable, "-c", SHOW, *HOSTILE], "env": env}, shell) == 0
    words, environ = rank.seen
    assert words == list(HOSTILE)
    assert env.items() <= environ.items()
    left = {path.name for path in rank.log.iterdir()}
    assert left == {"env.log", "exit_code", "log.index", "log.txt", "ms_log", "seen.json"}
    assert rank.text == ""


def test_hostile_parameters_and_volumes_arrive_as_data(rank):
    job = rank.plans.template(
        '{% extends "rank.sh.j2" %}\n{% block command %}\n'
        "    exec {{ parameters.show }} {{ parameters.odd }} {{ volumes.values() | list }} {{ host }}\n"
        "{% endblock %}\n"
    )
    job["script"]["parameters"] = {"show": [sys.executable, "-c", SHOW], "odd": [*HOSTILE, 1, True]}
    sources = [f"/data/{text}/end" for text in HOSTILE]
    job["volumes"] = {f"v{number}": {"source": source} for number, source in enumerate(sources)}

    assert rank.run(job) == 0
    paths = [os.path.normpath(source) for source in sources]
    assert rank.seen[0] == [*HOSTILE, "1", "true", *paths, "localhost"]


def test_the_environment_of_the_job_may_have_the_names_of_the_scripts_own_variables(rank):
    names = (
        "state",
        "states",
        "log",
        "lease",
        "code",
        "child",
        "status",
        "ending",
        "file",
        "line",
        "started",
    )
    names += ("boot", "reason", "watcher", "interrupted", "renewed", "IFS", "HOME")

    assert rank.run({"command": [sys.executable, "-c", SHOW], "env": dict.fromkeys(names, "mine")}) == 0
    assert {rank.seen[1][name] for name in names} == {"mine"}
    assert rank.end == "0"


@pytest.mark.parametrize(("before", "first"), [({}, ""), ({"LD_LIBRARY_PATH": "/mine"}, "/mine:")])
def test_libraries_of_the_driver_are_found_after_all_others(rank, before, first):
    cluster = {"device": "ascend910b", "driver": {"root": "/opt/my driver"}}

    assert rank.run({"command": [sys.executable, "-c", SHOW], "env": before}, cluster=cluster) == 0
    libraries = "/opt/my driver/lib64:/opt/my driver/lib64/common:/opt/my driver/lib64/driver"
    assert rank.seen[1]["LD_LIBRARY_PATH"] == first + libraries


def test_a_home_that_cannot_be_written_is_replaced(rank):
    assert rank.run({"command": [sys.executable, "-c", SHOW]}, HOME="/does/not/exist") == 0
    assert rank.seen[1]["HOME"] == "/tmp"

    assert rank.run({"command": [sys.executable, "-c", SHOW]}) == 0
    assert rank.seen[1]["HOME"] == str(rank.directory)


def test_nothing_of_the_rank_is_left_after_it(rank):
    process = rank.start(rank.line("exit 0"))
    process.wait(ENDED)

    rank.wait_for(lambda: not _group(process.pid))


def _group(pgid: int) -> list[int]:
    """Processes of a group; the script's last `sleep` ends by itself."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == pgid and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found
