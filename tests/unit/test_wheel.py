"""What an installed wheel carries besides Python: scripts, templates, sources of images."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is unpacked by an installer, without the checkout around it."""
    from hatchling.builders.wheel import WheelBuilder

    place = tmp_path_factory.mktemp("wheel")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(place), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site-packages")
    return place / "site-packages"


def run(installed: Path, *words: str, cwd: Path) -> str:
    """Output of this Python with the wheel in place of the checkout."""
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environ, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("source", "inside"), [("images", "image_sources"), ("templates", "templates"), ("launcher", ".")]
)
def test_every_file_is_in_it(installed: Path, source: str, inside: str) -> None:
    files = [path.relative_to(ROOT / source) for path in (ROOT / source).rglob("*") if path.is_file()]
    lacking = [
        str(file)
        for file in files
        if "__pycache__" not in file.parts and not (installed / "launcher" / inside / file).is_file()
    ]
    assert files and lacking == []


BUILDS = """
import tarfile
from pathlib import Path
from launcher.images.build import _packed, context_of
for name in ("ascend", "cpu"):
    context = context_of(name, False)
    with _packed(context.directory) as packed, tarfile.open(fileobj=packed) as archive:
        names = sorted(member.name for member in archive if member.isfile())
    print(context.tag, *names, Path(context.directory).is_relative_to(Path.cwd().parent / "site-packages"))
"""


def test_images_are_built_from_it(installed: Path) -> None:
    elsewhere = installed.parent / "elsewhere"
    elsewhere.mkdir()
    assert run(installed, "-c", BUILDS, cwd=elsewhere).splitlines() == [
        "launcher/ascend:latest Dockerfile with-cann True",
        "launcher/cpu:latest Dockerfile True",
    ]
