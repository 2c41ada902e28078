from __future__ import annotations

import pytest
from tinybert.stages.artifacts import (
    artifact,
    directory_by_rename,
    is_up_to_date,
    read_json,
    sha256_of,
    sidecar_of,
    written_by_rename,
)
from tinybert.stages.stage import StageError

MADE_FROM = {"arguments": {"size": 3}, "input": "abc"}


def make(path, content=b"content", made_from=MADE_FROM):
    with artifact(path, made_from, {"lines": 1}) as file:
        file.write(content)


def test_file_appears_at_the_end(tmp_path):
    path = tmp_path / "deep" / "f"
    with written_by_rename(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["f"]


def test_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), written_by_rename(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_directory_appears_at_the_end(tmp_path):
    directory = tmp_path / "deep" / "d"
    for content in ("old", "new"):
        with directory_by_rename(directory) as unfinished:
            (unfinished / content).touch(0o600)
            assert not (directory / content).exists()
    assert [entry.name for entry in directory.iterdir()] == ["new"]
    assert (directory / "new").stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in directory.parent.iterdir()] == ["d"]


def test_failure_leaves_the_directory_that_was_there(tmp_path):
    directory = tmp_path / "d"
    directory.mkdir()
    with pytest.raises(KeyError), directory_by_rename(directory) as unfinished:
        (unfinished / "f").touch()
        raise KeyError
    assert [entry.name for entry in tmp_path.iterdir()] == ["d"]
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("", "is a directory"), ("file/f", "file: File exists")])
def test_place_that_cannot_be_written(tmp_path, name, reason):
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match=reason), written_by_rename(tmp_path / name):
        pass


def test_artifact_is_up_to_date_until_something_changes(tmp_path):
    path = tmp_path / "f"
    assert not is_up_to_date(path, MADE_FROM)
    make(path)
    assert is_up_to_date(path, MADE_FROM)
    assert not is_up_to_date(path, {**MADE_FROM, "input": "abd"})
    assert read_json(sidecar_of(path))["counts"] == {"lines": 1}
    path.write_bytes(b"edited by hand")
    assert not is_up_to_date(path, MADE_FROM)


def test_artifact_that_is_gone_is_not_up_to_date(tmp_path):
    make(tmp_path / "f")
    (tmp_path / "f").unlink()
    assert not is_up_to_date(tmp_path / "f", MADE_FROM)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 2}'])
def test_sidecar_that_says_nothing_is_not_trusted(tmp_path, content):
    make(tmp_path / "f")
    sidecar_of(tmp_path / "f").write_text(content)
    assert not is_up_to_date(tmp_path / "f", MADE_FROM)


def test_sidecar_is_gone_before_the_file_is_replaced(tmp_path, monkeypatch):
    make(tmp_path / "f")

    def killed(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "f", b"other")
    assert (tmp_path / "f").read_bytes() == b"content"
    assert not sidecar_of(tmp_path / "f").exists()


def test_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f").startswith("ba7816bf8f01cfea")
