"""What is built, with which arguments, and what a failed build says."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
import tomllib
import yaml

from launcher.errors import CheckFailed, LauncherError, UsageError
from launcher.images.build import _follow, _packed, _same, arguments, context_of

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("what", "is_ascend", "directory", "tag"),
    [
        (None, True, "images/ascend", "launcher/ascend:latest"),
        (None, False, "images/cpu", "launcher/cpu:latest"),
        ("cpu", True, "images/cpu", "launcher/cpu:latest"),
    ],
)
def test_the_launchers_own_images(what, is_ascend: bool, directory: str, tag: str) -> None:
    context = context_of(what, is_ascend)
    assert (context.directory, context.tag) == (ROOT / directory, tag)


def test_jobs_and_smoke_ask_for_the_images_that_are_built_by_default() -> None:
    jobs = [*(ROOT / "jobs").glob("*.yaml"), ROOT / "launcher" / "smoke" / "smoke.yaml"]
    asked = [yaml.safe_load(job.read_text("utf-8")) for job in jobs if "gd-cann-host" not in job.name]
    images = {job["image"] for job in asked if "image" in job}
    assert images == {context_of("ascend", True).tag}
    assert {job["on_cpu"]["image"] for job in asked if "image" in job} == {context_of("cpu", False).tag}


def test_a_directory_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no Dockerfile"):
        context_of(str(tmp_path), True)
    (tmp_path / "Mine").mkdir()
    (tmp_path / "Mine" / "Dockerfile").touch()
    assert context_of(str(tmp_path / "Mine"), True).tag == "launcher/mine:latest"


def test_arguments_with_a_value_or_that_of_this_shell() -> None:
    environ = {"https_proxy": "http://p:1"}
    assert arguments(["A=b=c", "E=", "https_proxy"], environ) == {
        "A": "b=c",
        "E": "",
        "https_proxy": "http://p:1",
    }
    with pytest.raises(UsageError, match="--build-arg no_proxy: it has no value here"):
        arguments(["no_proxy"], environ)


def test_the_last_words_of_a_build_that_fails() -> None:
    said: list[str] = []
    lines = [{"stream": f"line {number}\n"} for number in range(30)]
    with pytest.raises(LauncherError) as raised:
        _follow("h1", [*lines, {"error": "returned a non-zero code: 7"}], said.append)
    assert len(said) == 30
    assert "line 14" not in str(raised.value) and "line 15" in str(raised.value)
    assert str(raised.value).endswith("\n  returned a non-zero code: 7")


def test_another_architecture_than_that_of_the_hosts() -> None:
    _same("h1", "it", "arm64", {"h1": "arm64"})
    with pytest.raises(CheckFailed, match="built on h1, it is for amd64, but h2 is arm64"):
        _same("h1", "it", "amd64", {"h1": "amd64", "h2": "arm64"})


def test_dockerignore_is_kept(tmp_path: Path) -> None:
    for name in ("Dockerfile", "wanted", "secret"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".dockerignore").write_text("# not these\nsecret\n*ockerfile\n")
    with _packed(tmp_path) as packed, tarfile.open(fileobj=io.BytesIO(packed.read())) as archive:
        names = set(archive.getnames())
    assert {"Dockerfile", "wanted"} <= names and "secret" not in names


def test_the_ascend_image_installs_what_jobs_need_but_its_own_mindspore() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cpu"]
    wanted = [each.partition(";")[0] for each in extra]
    installed = re.findall(r'^ +"(.+)"', (ROOT / "images/ascend/Dockerfile").read_text(), re.MULTILINE)
    assert [each for each in installed if "mindspore" not in each] == [
        each for each in wanted if "mindspore" not in each
    ]
    assert "mindspore==${MINDSPORE}" in installed
