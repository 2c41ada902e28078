"""What the command of a rank finds in its environment, as the real shells give it."""

from __future__ import annotations

import os
import sys

import pytest

from launcher.plan.scripts import quote
from tests.hostile import HOSTILE
from tests.unit.launcher.plan.rank_process import SHELLS, SHOW


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
    left = {path.name for path in rank.log.iterdir()} - {"log.index"}  # it comes where that takes 5 s
    assert left == {"env.log", "exit_code", "log.txt", "ms_log", "seen.json"}
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
