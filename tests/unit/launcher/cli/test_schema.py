"""`launcher schema` and `launcher completion`."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from launcher.cli.app import app


@pytest.mark.parametrize(("which", "key"), [("cluster", "hosts"), ("job", "ranks")])
def test_the_schema_of_a_file(which, key):
    done = CliRunner().invoke(app, ["schema", which])

    schema = json.loads(done.stdout)
    assert key in schema["properties"]
    assert schema["title"] == f"{which} file of the launcher"


def test_no_other_file_has_a_schema():
    assert CliRunner().invoke(app, ["schema", "plan"]).exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script(shell):
    done = CliRunner().invoke(app, ["completion", shell])

    assert done.exit_code == 0
    assert "_LAUNCHER_COMPLETE" in done.stdout


def test_bash_reads_its_completion_script():
    script = CliRunner().invoke(app, ["completion", "bash"]).stdout

    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [("launcher pl", {"plan"}), ("launcher rank-table ", {"render", "check", "convert"})],
)
def test_bash_completes_commands(words, expected):
    asked = {"_LAUNCHER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    done = subprocess.run(
        [sys.executable, "-c", "from launcher.cli import main; main()"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == expected


def test_bash_completes_by_its_script(tmp_path):
    script = CliRunner().invoke(app, ["completion", "bash"]).stdout
    command = tmp_path / "launcher"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m launcher "$@"\n', "utf-8")
    command.chmod(0o755)
    asking = 'COMP_WORDS=(launcher sche) COMP_CWORD=1; _launcher_completion launcher; echo "${COMPREPLY[@]}"'

    done = subprocess.run(
        ["bash", "-c", f"{script}\n{asking}"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("schema\n", "")
