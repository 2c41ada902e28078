from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tinybert.records.shards import complete_manifest, require_ours, write_dataset
from tinybert.records.tfrecord import read_records, write_record
from tinybert.stages.artifacts import read_json
from tinybert.stages.stage import StageError

MADE_FROM = {"kind": "letters", "arguments": {"seed": 1}}
LETTERS = "abcdefgh"


class Killed(BaseException):
    pass


def put(file, letters):
    for letter in letters:
        write_record(file, letter.encode())


def write(directory, letters=LETTERS, shards=3):
    return write_dataset(directory, letters, put, shards, {**MADE_FROM, "instances": len(letters)})


def shard(directory, index, count=3):
    return b"".join(read_records(directory / f"part-{index:05d}-of-{count:05d}.tfrecord")).decode()


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_shards_are_filled_in_turns(tmp_path):
    write(tmp_path / "d")
    assert [shard(tmp_path / "d", index) for index in range(3)] == ["adg", "beh", "cf"]


def test_manifest_counts_what_is_there(tmp_path):
    manifest = write(tmp_path / "d")
    assert manifest == read_json(tmp_path / "d" / "manifest.json")
    assert manifest["schema"] == 1
    assert [file["instances"] for file in manifest["files"]] == [3, 3, 2]
    for file in manifest["files"]:
        assert (tmp_path / "d" / file["name"]).stat().st_size == file["bytes"]


def test_nothing_else_is_left_in_the_directory(tmp_path):
    manifest = write(tmp_path / "d")
    assert names(tmp_path / "d") == sorted(["manifest.json", *(file["name"] for file in manifest["files"])])


def test_complete_until_something_changes(tmp_path):
    assert complete_manifest(tmp_path / "d", MADE_FROM) is None
    manifest = write(tmp_path / "d")
    assert complete_manifest(tmp_path / "d", MADE_FROM) == manifest
    assert complete_manifest(tmp_path / "d", {**MADE_FROM, "arguments": {"seed": 2}}) is None
    (tmp_path / "d" / "part-00001-of-00003.tfrecord").write_bytes(b"cut")
    assert complete_manifest(tmp_path / "d", MADE_FROM) is None


def test_shards_of_an_earlier_run_go(tmp_path):
    write(tmp_path / "d", shards=4)
    write(tmp_path / "d", shards=2)
    assert names(tmp_path / "d") == [
        "manifest.json",
        "part-00000-of-00002.tfrecord",
        "part-00001-of-00002.tfrecord",
    ]


@pytest.mark.parametrize("step", range(1, 5))
def test_killed_while_publishing_the_directory_is_not_complete(tmp_path, monkeypatch, step):
    """Steps 1-3 rename a shard, step 4 the manifest."""
    write(tmp_path / "d")
    rename, steps = Path.replace, []

    def replace(self, target):
        steps.append(target)
        if len(steps) == step:
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", replace)
        write(tmp_path / "d", LETTERS.upper())
    assert complete_manifest(tmp_path / "d", MADE_FROM) is None
    assert len(list((tmp_path / "d").glob("*.tfrecord"))) == step - 1
    require_ours(tmp_path / "d")
    write(tmp_path / "d", LETTERS.upper())
    assert shard(tmp_path / "d", 0) == "ADG"
    assert ".unfinished" not in names(tmp_path / "d")


def test_killed_while_writing_the_earlier_data_set_stays(tmp_path):
    manifest = write(tmp_path / "d")

    def killed_at_c(file, letters):
        put(file, letters[: letters.find("C")])
        if "C" in letters:
            raise Killed

    with pytest.raises(Killed):
        write_dataset(tmp_path / "d", LETTERS.upper(), killed_at_c, 3, MADE_FROM)
    assert complete_manifest(tmp_path / "d", MADE_FROM) == manifest
    assert shard(tmp_path / "d", 0) == "adg"


def test_a_full_disk_is_an_error_and_the_earlier_data_set_stays(tmp_path):
    before = write(tmp_path / "d")

    def fail(file, letters):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StageError, match=r"cannot write .*part-00000-of-00003.tfrecord: No space left"):
        write_dataset(tmp_path / "d", "xyz", fail, 3, {**MADE_FROM, "instances": 3})
    assert complete_manifest(tmp_path / "d", MADE_FROM) == before


def test_shards_of_others_are_not_deleted(tmp_path):
    (tmp_path / "part-00000-of-00001.tfrecord").write_bytes(b"precious")
    with pytest.raises(StageError, match=r"holds TFRecord shards without manifest\.json"):
        require_ours(tmp_path)


def test_shards_that_another_rank_publishes_meanwhile_are_ours(tmp_path, monkeypatch):
    (tmp_path / ".unfinished-x").mkdir()
    (tmp_path / "part-00000-of-00001.tfrecord").touch()
    exists = Path.exists

    def exists_before_it_is_published(path):
        there = exists(path)
        if path.name == "manifest.json":
            path.touch()
            (tmp_path / ".unfinished-x").rmdir()
        return there

    monkeypatch.setattr(Path, "exists", exists_before_it_is_published)
    require_ours(tmp_path)


def test_directory_that_is_a_file(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(StageError, match="is not a directory"):
        require_ours(tmp_path / "f")
    with pytest.raises(StageError, match="cannot write"):
        write(tmp_path / "f")


def test_fewer_examples_than_shards(tmp_path):
    with pytest.raises(StageError, match="2 instances are too few for 3 shards"):
        write(tmp_path / "d", "ab")
    assert not (tmp_path / "d").exists()
