"""`launcher schema` and `launcher completion`."""

import json
import subprocess

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
