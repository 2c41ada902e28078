"""What makes two images the same, and which layers need not be sent."""

from __future__ import annotations

import json

import pytest

from launcher.images.identity import files_left_out, image_of, layers_there

INSPECTED = {
    "Id": "sha256:aa",
    "Architecture": "arm64",
    "RootFS": {"Type": "layers", "Layers": ["l1", "l2"]},
    "Config": {"Env": ["A=1"], "Cmd": ["sh"], "Labels": {}, "OnBuild": None, "Image": "sha256:step"},
    "Size": 7,
}


def other(**changes: object) -> str:
    return image_of({**INSPECTED, **changes}).identity


def test_the_name_that_an_engine_gives_it_is_no_part_of_it() -> None:
    plain = image_of(INSPECTED)
    assert (plain.id, plain.architecture, plain.layers, plain.size) == ("sha256:aa", "arm64", ("l1", "l2"), 7)
    assert other(Id="sha256:index", Size=9, RepoTags=["x:1"]) == plain.identity


def test_empty_fields_are_those_that_another_engine_leaves_out() -> None:
    assert other(Config={"Cmd": ["sh"], "Env": ["A=1"]}) == other()


@pytest.mark.parametrize(
    "change",
    [
        {"Architecture": "amd64"},
        {"RootFS": {"Layers": ["l1"]}},
        {"RootFS": {"Layers": ["l2", "l1"]}},
        {"Config": {"Env": ["A=2"], "Cmd": ["sh"]}},
        {"Config": {"Env": ["A=1"], "Cmd": ["sh"], "Labels": {"a": "b"}}},
    ],
)
def test_architecture_layers_and_configuration_are_all_of_it(change: dict[str, object]) -> None:
    assert other(**change) != other()


def test_an_image_without_layers_or_configuration() -> None:
    assert image_of({"Architecture": "amd64"}).layers == ()


@pytest.mark.parametrize(
    ("others", "there"),
    [
        ([], 0),
        ([["a"]], 1),
        ([["a", "x", "c"]], 1),
        ([["x"], ["a", "b"], ["a"]], 2),
        ([["a", "b", "c", "d"]], 3),
        ([["b", "c"]], 0),
    ],
)
def test_only_lowest_layers_are_there(others: list[list[str]], there: int) -> None:
    assert layers_there(["a", "b", "c"], others) == there


def manifest(*layers: str) -> str:
    return json.dumps([{"Config": "c.json", "RepoTags": ["i:1"], "Layers": layers}])


def test_files_of_layers_that_are_there_are_left_out() -> None:
    assert files_left_out(manifest("1/layer.tar", "2/layer.tar", "3/layer.tar"), 2) == [
        "1/layer.tar",
        "2/layer.tar",
    ]


def test_a_file_that_a_higher_layer_has_too_is_sent() -> None:
    assert files_left_out(manifest("e", "b", "e"), 2) == ["b"]


def test_several_images_in_one_archive_are_refused() -> None:
    with pytest.raises(ValueError):
        files_left_out(json.dumps([{"Layers": []}, {"Layers": []}]), 1)
