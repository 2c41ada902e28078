"""`launcher plan`: text, JSON, one script, files."""

import json

import pytest
from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.errors import SpecError, UsageError

CLUSTER = """\
schema: 1
name: here
device: cpu
runtime: process
devices: 0-7
work_dir: /w
hosts:
  - address: localhost
    name: here
"""
DOCKER = """\
schema: 1
name: lab
device: ascend910b
devices: 0-7
hosts:
  - address: lab-[1-5]
"""
JOB = """\
schema: 1
name: work
ranks: 2
launch: none
command: ["true"]
image: image:1
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Run the command in a directory with small files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CLUSTER, "utf-8")
    (tmp_path / "d.yaml").write_text(DOCKER, "utf-8")
    (tmp_path / "j.yaml").write_text(JOB, "utf-8")

    def run(*words, cluster="c.yaml"):
        done = CliRunner().invoke(app, ["plan", "j.yaml", "-c", cluster, *words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return run


def test_text_shows_what_would_run(plan):
    text = plan().stdout

    lines = text.splitlines()
    assert lines[0] == "job work on cluster here: 2 ranks on 1 host"
    assert "host here (localhost)" in lines
    assert "  1     1       LOG1" in lines
    assert "  locks         /var/tmp/launcher-locks/cpu-0 /var/tmp/launcher-locks/cpu-1" in lines
    assert "  RANK_ID=0" in lines
    assert "      setsid /bin/sh /w/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-0.sh" in lines
    assert "run fills in  @RUN@ the run id, @ATTEMPT@ the number of the attempt" in text
    assert "@UID@" not in text
    assert max(map(len, lines)) <= 100


def test_text_of_one_rank(plan):
    text = plan("--set", "ranks=1", cluster="d.yaml").stdout

    assert "1 rank on 1 host" in text
    assert "alike" not in text


@pytest.mark.parametrize("words", [(), ("--set", "cluster.driver.docker_runtime=true")])
def test_an_unknown_group_of_the_devices_is_noted(plan, words):
    note = "no device_gid: ranks may not be allowed to open the NPUs"

    assert plan(*words, cluster="d.yaml").stdout.count(note) == 1
    assert note not in plan(*words, "--set", "user=root", cluster="d.yaml").stdout
    assert note not in plan(*words, "--set", "cluster.hosts.0.device_gid=1000", cluster="d.yaml").stdout
    assert note not in plan(*words, "--set", "devices_per_rank=0", cluster="d.yaml").stdout


def test_json_is_the_plan_that_a_run_stores(plan):
    from launcher.plan.store import from_json, to_json

    done = plan("--json")

    made = from_json(done.stdout_bytes, "stdout")
    assert made.job == "work"
    assert done.stdout_bytes == to_json(made) + b"\n"
    assert json.loads(done.stdout)["digest"] == made.digest


@pytest.mark.parametrize(("name", "words"), [("1", "export RANK_ID=1"), ("here", "start 1 /w/runs/@RUN@/")])
def test_one_script_alone(plan, name, words):
    text = plan("--script", name).stdout

    assert text.startswith("#!/bin/sh\n")
    assert words in text


def test_the_script_of_the_scheduler(plan):
    assert "export MS_ROLE=MS_SCHED" in plan("--set", "launch=dynamic", "--script", "scheduler").stdout


@pytest.mark.parametrize(
    ("cluster", "ranks", "hint"),
    [("c.yaml", 2, "hosts are here"), ("d.yaml", 40, "hosts are lab-1, lab-2, lab-3, …")],
)
def test_a_script_that_there_is_not(plan, cluster, ranks, hint):
    with pytest.raises(UsageError, match="no rank and no host '99' in this plan") as caught:
        plan("--script", "99", "--set", f"ranks={ranks}", cluster=cluster)
    assert caught.value.hint == f"ranks are 0 to {ranks - 1}; {hint}"


def test_files(plan, tmp_path):
    done = plan("-o", "out")

    assert done.stdout == ""
    assert done.stderr == "4 files in out\n"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("out/**/*.*")) == [
        "out/plan.json",
        "out/scripts/host-here.sh",
        "out/scripts/rank-0.sh",
        "out/scripts/rank-1.sh",
    ]


def test_files_and_json_together(plan, tmp_path):
    done = plan("-o", "out", "--json")

    assert (tmp_path / "out/plan.json").read_bytes() == done.stdout_bytes


def test_what_does_not_fit_is_an_error(plan):
    with pytest.raises(SpecError, match="--set 'ranks=9': 9 ranks, but cluster here has 8 devices"):
        plan("--set", "ranks=9")


def test_a_directory_that_cannot_be_made_is_an_error(plan):
    with pytest.raises(UsageError, match=r"j\.yaml/out: Not a directory"):
        plan("-o", "j.yaml/out")
