"""The cache of images, without making any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomllib

from tests.cluster.images import golden

ROOT = Path(__file__).parents[2]


def test_the_cpu_image_installs_what_the_extra_cpu_names():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cpu"]
    installed = re.findall(r'^ +"(.+)"', (ROOT / "images/cpu/Dockerfile").read_text(), re.MULTILINE)
    assert installed == [requirement.partition(";")[0] for requirement in extra]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Data roots that were made, in a cache of the test's own; the key is what the test says."""
    made = []

    def make(root: Path) -> None:
        root.mkdir()
        made.append(root.name)

    monkeypatch.setattr(golden, "CACHE", tmp_path)
    monkeypatch.setattr(golden, "_key", lambda: "first")
    monkeypatch.setattr(golden, "_make", make)
    return made


def test_images_are_made_once(made):
    for _ in range(2):
        with golden.golden() as root:
            assert root.is_dir()
    assert made == ["first"]


def test_old_images_go_when_nobody_uses_them(made, monkeypatch, tmp_path):
    with golden.golden() as first:
        monkeypatch.setattr(golden, "_key", lambda: "second")
        with golden.golden():
            assert first.is_dir()
    with golden.golden():
        assert sorted(path.name for path in (tmp_path / "images").iterdir()) == [
            "lock",
            "second",
            "second.lock",
        ]


def test_a_build_that_was_killed_is_made_anew(made, tmp_path):
    (tmp_path / "images" / "x.part" / "overlay2").mkdir(parents=True)
    with golden.golden() as root:
        assert not list(root.parent.glob("*.part"))
    assert made == ["first"]
