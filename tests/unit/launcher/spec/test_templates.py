from pathlib import Path

import pytest

from launcher.spec import templates

SCRIPT = "schema: 1\nname: gd\nranks: 1\nscript: {template: %s}\n"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, files) -> None:
    Path("own").mkdir()
    for name in templates._OWN:
        Path("own", name).write_text(f"# {name}")
    monkeypatch.setattr(templates, "launcher_templates", lambda: "own")


def test_beside_the_job_file_before_the_launcher_s_own(files) -> None:
    Path("own/base.j2").write_text("own")
    Path("base.j2").write_text("mine")
    assert files.load(job=SCRIPT % "base.j2").templates["base.j2"] == "mine"
    Path("base.j2").unlink()
    assert files.load(job=SCRIPT % "base.j2").templates["base.j2"] == "own"


def test_all_that_it_needs_and_the_launcher_s_own(files) -> None:
    Path("a.j2").write_text('{% extends "b.j2" %}{% from "m.j2" import x %}{% include ["no.j2", "i.j2"] %}')
    Path("own/b.j2").write_text('{% import "m.j2" as m %}{% include "no.j2" ignore missing %}')
    Path("m.j2").write_text('{% macro x() %}{% include "a.j2" %}{% endmacro %}')
    Path("i.j2").write_text("naïve")
    needed = {"a.j2", "b.j2", "m.j2", "i.j2"}
    assert files.load(job=SCRIPT % "a.j2").templates.keys() == needed | set(templates._OWN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x\n{% if %}",
            "a.j2:2:1: not a Jinja template: Expected an expression, got 'end of statement block'",
        ),
        ("x\n\n{% include 'no.j2' %}", 'a.j2:3:1: no template "no.j2" in . or own'),
        ("{% include ['no.j2', 'nor.j2'] %}", 'a.j2:1:1: no template "no.j2 or nor.j2" in . or own'),
        (
            "{% extends name %}",
            "a.j2:1:1: the name of a template must be written out: it is read before parameters are known",
        ),
    ],
)
def test_faults_have_the_place_in_the_template(files, text: str, message: str) -> None:
    Path("a.j2").write_text(text)
    assert files.problems(job=SCRIPT % "a.j2") == [message]


def test_an_absent_template(files) -> None:
    assert files.problems(job=SCRIPT % "a.j2") == ['job.yaml:4:20: no template "a.j2" in . or own']


def test_a_template_that_is_not_text(files) -> None:
    Path("a.j2").write_bytes(b"# \xe9")
    assert files.problems(job=SCRIPT % "a.j2") == ["a.j2:1:3: not UTF-8 text"]


def test_one_from_the_command_line_is_in_the_current_directory(
    files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from launcher.spec.load import load

    Path("jobs").mkdir()
    Path("jobs/j.yaml").write_text(SCRIPT % "b.j2")
    Path("cluster.yaml").write_text(files.cluster)
    Path("a.j2").write_text("here")
    spec = load("cluster.yaml", "jobs/j.yaml", overrides=["script.template=a.j2"], environ={})
    assert spec.templates["a.j2"] == "here"


def test_the_directory_in_a_package_or_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    package = tmp_path / "launcher"
    monkeypatch.setattr(templates, "_PACKAGE", package)
    assert templates.launcher_templates() == str(tmp_path / "templates")
    (package / "templates").mkdir(parents=True)
    assert templates.launcher_templates() == str(package / "templates")
