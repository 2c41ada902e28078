"""Whole plans, as `launcher plan` shows them and `-o` writes them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.smoke.job import JOB_FILE
from tests.golden_files import GOLDEN, check_text, check_tree

ROOT = GOLDEN.parents[1]
PLANS = GOLDEN / "plan"
GD = ROOT / "jobs" / "gd-8p.yaml"
SOURCES = ("--set", "volumes.dataset.source=/data/enwiki", "--set", "volumes.teacher.source=/data/teacher")
CASES = {
    "example-2x8": (GD, ROOT / "rank_tables/example-2x8.yaml", "--set", "ranks=16", *SOURCES),
    "local": (GD, ROOT / "rank_tables/local.yaml", "--set", "cluster.path=[/opt/venv/bin]", *SOURCES),
    "a3": (
        GD,
        ROOT / "rank_tables/example-a3.yaml",
        "--set",
        "ranks=4",
        "--set",
        "placement=spread",
        *SOURCES,
    ),
    "smoke": (JOB_FILE, ROOT / "rank_tables/example-2x8.yaml"),
    **{
        name: (PLANS / name / "in/job.yaml", PLANS / name / "in/cluster.yaml")
        for name in ("910a", "docker-runtime", "cann-host-volumes", "cann-host-shared")
    },
}


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    """Name of a case, and a function that runs `launcher plan` on it."""
    job, cluster, *words = CASES[request.param]
    monkeypatch.setenv("HUB_TOKEN", "not to be seen")

    def plan(*more):
        done = CliRunner().invoke(app, ["plan", str(job), "-c", str(cluster), *words, *map(str, more)])
        assert done.exit_code == 0, done.output
        assert "not to be seen" not in done.output
        return done.stdout

    return request.param, plan


def test_golden_text(case):
    name, plan = case

    check_text(PLANS / name / "plan.txt", plan())


def test_golden_files(case, tmp_path):
    """All of plan.json too; the texts of scripts, which stand in it as well, are compared as files."""
    name, plan = case
    plan("-o", tmp_path / "out")

    written = {
        str(path.relative_to(tmp_path / "out")): path.read_text("utf-8")
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    stored = json.loads(written["plan.json"])
    for host in stored["hosts"]:
        for file, text in host["files"]:
            assert written[file] == text
        host["files"] = [file for file, _ in host["files"]]
    written["plan.json"] = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
    check_tree(PLANS / name / "out", written)


def test_golden_cases_are_all_compared():
    assert {path.name for path in PLANS.iterdir()} == set(CASES)


def test_golden_files_name_no_place_of_this_machine():
    for path in PLANS.rglob("*"):
        assert not path.is_file() or str(ROOT) not in path.read_text("utf-8")
