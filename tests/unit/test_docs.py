"""The pages say what the code does: keys, commands, rules and links are all there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from launcher.check.judge import FLEET_RULES
from launcher.check.judge import RULES as CHECKS
from launcher.cli.app import app
from launcher.plan.build import plan
from launcher.rank_table.rules import RULES
from launcher.spec.cluster import Cluster
from launcher.spec.job import Job
from launcher.spec.load import load

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def first_cells(page: str) -> set[str]:
    """What the tables of a page describe: the last word of each name in the first column."""
    rows = re.findall(r"^\| (`[^|]*`) \|", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    return {name.rpartition(".")[2] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def models_in(annotation: Any) -> set[type[BaseModel]]:
    """The models that a type names, and those that their fields hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inner = (models_in(field.annotation) for field in annotation.model_fields.values())
        return {annotation}.union(*inner)
    return set().union(*map(models_in, get_args(annotation)))


@pytest.mark.parametrize("model", [Cluster, Job])
def test_every_key_of_the_files_is_described(model: type[BaseModel]) -> None:
    keys = {field.alias or name for each in models_in(model) for name, field in each.model_fields.items()}
    assert len(keys) > 25
    assert keys - first_cells("files.md") == set()


def test_the_complete_examples_can_be_planned(tmp_path: Path) -> None:
    cluster, job = _blocks("files.md", "yaml")
    (template,) = _blocks("runs.md", "jinja")
    for name, text in (("lab.yaml", cluster), ("train.yaml", job), ("train.sh.j2", template)):
        (tmp_path / name).write_text(text, "utf-8")
    spec = load(
        tmp_path / "lab.yaml", tmp_path / "train.yaml", environ={"HOME": "/home/me", "HUB_TOKEN": "t"}
    )
    made = plan(spec)
    assert (made.ranks, made.launch) == (4, "rank_table")
    assert "--epochs=3" in dict(made.hosts[0].files)["scripts/rank-0.sh"]


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def commands() -> list[str]:
    """Every command of the command line, groups in front of theirs."""
    root = typer.main.get_command(app)
    assert isinstance(root, typer.core.TyperGroup)
    found = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        found += [f"{name} {each}" for each in inner] if inner else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_has_a_section(command: str) -> None:
    headings = _HEADING.findall((DOCS / "commands.md").read_text("utf-8"))
    assert any(f"{heading} ".startswith(f"launcher {command} ") for heading in headings)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_rank_tables_has_its_row(name: str) -> None:
    rule = RULES[name]
    row = f"| `{name}` | {rule.severity} | {rule.hccl or '—'} | {rule.remedy} |"
    assert row in (DOCS / "rank-tables.md").read_text("utf-8").splitlines()


def test_every_check_has_its_row() -> None:
    names = {name.rpartition(".")[2] for name in (*CHECKS, *FLEET_RULES, "contact", "host")}
    assert names - first_cells("checks.md") == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in _LINK.findall(page.read_text("utf-8")) if "://" not in target]
    broken = [target for target in targets if not _is_there(page, *target.partition("#")[::2])]
    assert broken == []


def _is_there(page: Path, target: str, anchor: str) -> bool:
    path = (page.parent / target) if target else page
    if not path.exists() or not path.resolve().is_relative_to(ROOT):
        return False
    return not anchor or anchor in map(_anchor, _HEADING.findall(path.read_text("utf-8")))


def _anchor(heading: str) -> str:
    """As Git forges make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
