"""`launcher check`: a table for people, JSON for programs, exit code 3 for what is lacking."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.cli.check import waiting_for
from launcher.errors import SpecError, UsageError
from tests.unit.launcher.check.rule_facts import NEEDS

BASE = random.randrange(10**5, 10**7)


@pytest.fixture
def check(tmp_path):
    """Run the command in a directory of its own; a job may be given."""
    cluster = {
        "schema": 1,
        "name": "here",
        "device": "cpu",
        "runtime": "process",
        "devices": f"{BASE}-{BASE + 7}",
        "work_dir": str(tmp_path / "work"),
        "hosts": [{"address": "localhost"}],
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(cluster))

    def run(*words, job=None):
        if job is not None:
            whole = {"schema": 1, "name": "j", "ranks": 1, "launch": "none", "command": ["true"], **job}
            (tmp_path / "j.yaml").write_text(yaml.safe_dump(whole))
            words = (str(tmp_path / "j.yaml"), *words)
        return CliRunner().invoke(app, ["check", *words, "-c", str(tmp_path / "c.yaml")])

    return run


def test_whoever_waits_is_told_for_what():
    one = replace(NEEDS, sources=())
    assert waiting_for({"a": replace(one, npus=None)}) == "asking 1 host"
    assert waiting_for({"a": one, "b": one}) == "asking 2 hosts; each NPU pings 1 other, some seconds each"
    deep = {"a": replace(NEEDS, is_deep=True, npus=None)}
    assert waiting_for(deep) == "asking 1 host; data are read whole"


def test_a_cluster_alone(check):
    done = check()
    assert done.exit_code == 0
    assert done.stdout == "cluster here, 1 host: all good\n"


def test_a_job_that_has_all_it_needs(check):
    done = check(job={})
    assert (done.exit_code, done.stdout) == (0, "job j on cluster here, 1 host: all good\n")


def test_every_finding_has_its_host_words_and_remedy(check):
    done = check(job={"needs": {"disk": "1000000TB"}, "volumes": {"data": {"source": "/no[b]where[/b]"}}})
    assert done.exit_code == 3
    head, disk, remedy, volume, _, _, last = done.stdout.splitlines()
    assert head.split("  ")[0] == "HOST"
    assert disk.startswith("localhost  disk     error") and "remedy: launcher clean" in remedy
    assert "volume data: /no[b]where[/b] is not there" in volume
    assert last == "job j on cluster here, 1 host: 2 errors"


def test_a_warning_alone_is_no_failure(check, monkeypatch):
    done = check("--set", "ranks=8", job={"needs": {}})
    shown = check("--set", "ranks=8", "--json", job={})
    findings = json.loads(shown.stdout)["findings"]
    assert done.exit_code == 0 and {finding["level"] for finding in findings} <= {"warning"}
    assert done.stdout.endswith("1 warning\n" if findings else "all good\n")


def test_json(check):
    done = check("--json", job={"needs": {"disk": "1000000TB"}})
    assert done.exit_code == 3
    shown = json.loads(done.stdout)
    assert (shown["schema"], shown["checked"], shown["hosts"]) == (1, "job j on cluster here", ["localhost"])
    (finding,) = shown["findings"]
    assert set(finding) == {"host", "rule", "level", "words", "remedy", "fix"} and finding["rule"] == "disk"


def test_a_wrong_requirement_is_an_error_of_the_job_file(check):
    done = check(job={"needs": {"packages": ["a=1"]}})
    assert isinstance(done.exception, SpecError) and "j.yaml:" in str(done.exception)


def test_control_characters_of_a_host_do_not_reach_the_terminal(check):
    done = check(job={"volumes": {"data": {"source": "/no\x1b[31mwhere"}}})
    assert "\x1b" not in done.stdout and "/no\ufffd[31mwhere is not there" in done.stdout


def test_fix_prints_a_script_with_the_part_of_each_host(check, tmp_path):
    job = {"volumes": {"data": {"source": "/no where/x"}}, "needs": {"disk": "1000000TB"}}
    done = check("--fix", job=job)
    assert done.exit_code == 3
    part = done.stdout[done.stdout.index("localhost)") :]
    assert "    # error: disk: " in part and "    # remedy: launcher clean" in part
    assert "    # error: volumes: volume data: /no where/x is not there" in part
    assert done.stderr == "job j on cluster here: 2 errors\n"
    assert not (tmp_path / "work").exists()


def test_fix_prints_no_script_where_nothing_is_wrong(check):
    done = check("--fix", job={})
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "job j on cluster here: all good\n")


@pytest.mark.parametrize(
    ("words", "job", "said"), [(("--fix", "--json"), {}, "--json"), (("--deep",), None, "name a job")]
)
def test_options_that_make_no_sense_are_refused(check, words, job, said):
    done = check(*words, job=job)
    assert isinstance(done.exception, UsageError) and said in str(done.exception)
