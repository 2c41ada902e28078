"""What an engine says it has, and whether parts of images are enough for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from docker.errors import ImageNotFound

from launcher.hosts import LocalHost
from launcher.images.stock import list_images, look

BASE = {"Id": "sha256:aa", "Architecture": "amd64", "RootFS": {"Layers": ["l1"]}, "Size": 5}
ABOVE = {"Id": "sha256:bb", "Architecture": "amd64", "RootFS": {"Layers": ["l1", "l2"]}, "Size": 7}
GRAPH = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]
CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]


class FakeApi:
    """An engine with two images, of which one has two names and one has none."""

    def __init__(self, status: list[list[str]] | None) -> None:
        self.status = status

    def inspect_image(self, name: str) -> dict[str, Any]:
        for image, names in ((BASE, ("small:1", "small:latest")), (ABOVE, ())):
            if name in (*names, image["Id"]):
                return image
        raise ImageNotFound(name)

    def images(self) -> list[dict[str, Any]]:
        named = {"Id": "sha256:aa", "RepoTags": ["small:latest", "small:1"]}
        return [
            named,
            {"Id": "sha256:bb", "RepoTags": ["<none>:<none>"]},
            {"Id": "sha256:bb", "RepoTags": None},
        ]

    def info(self) -> dict[str, Any]:
        return {"DriverStatus": self.status}

    def version(self) -> dict[str, str]:
        return {"Arch": "arm64"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    api = FakeApi(GRAPH)

    @contextmanager
    def engine(host: object, *, sudo: bool) -> Any:
        yield api

    monkeypatch.setattr("launcher.hosts.engine.engine", engine)
    return api


ALL = (("l1",), ("l1", "l2"), ("l1", "l2"))


@pytest.mark.parametrize(("status", "others"), [(GRAPH, ALL), (None, ALL), (CONTAINERD, ())])
def test_layers_count_where_an_engine_takes_an_archive_without_them(api, status, others) -> None:
    api.status = status
    stock = look(LocalHost(), "none:1", sudo=False)
    assert (stock.architecture, stock.image, stock.others) == ("arm64", None, others)


def test_of_an_image_that_is_there_no_others_are_asked_for(api: FakeApi) -> None:
    stock = look(LocalHost(), "small:1", sudo=False)
    assert stock.image is not None and stock.image.layers == ("l1",) and stock.others == ()


def test_every_name_is_listed_and_what_has_none_is_not(api: FakeApi) -> None:
    found = list_images(LocalHost(), sudo=False)
    assert list(found) == ["small:1", "small:latest"]
    assert {image.id for image in found.values()} == {"sha256:aa"}
