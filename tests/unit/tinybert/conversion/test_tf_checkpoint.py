"""Checkpoints that are whole, missing, misnamed, cut and damaged."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import numpy as np
import pytest
from tinybert.conversion.tf_checkpoint import TensorFlowCheckpoint, files_of, write_checkpoint
from tinybert.stages.stage import StageError

from tests.unit.tinybert.tensorflow_here import needs_tensorflow

PARTS = ("index", "meta", "data-00000-of-00002", "data-00001-of-00002")
VARIABLES = {
    "a/kernel": np.arange(600, dtype=np.float32).reshape(20, 30),
    "b": np.arange(3),
    "c": np.float32(2.5),
}


@pytest.fixture
def prefix(tmp_path):
    """Names of a checkpoint's files, which no one may read."""
    for part in PARTS:
        (tmp_path / f"bert_model.ckpt.{part}").write_text("x")
    return tmp_path / "bert_model.ckpt"


@pytest.fixture
def written(tmp_path):
    write_checkpoint(tmp_path / "m.ckpt", VARIABLES)
    return tmp_path / "m.ckpt"


def refusal(prefix):
    with pytest.raises(StageError) as error:
        files_of(prefix)
    return str(error.value)


def test_files_of_a_prefix(prefix):
    assert [path.name for path in files_of(prefix)] == [
        f"bert_model.ckpt.{part}" for part in PARTS if part != "meta"
    ]


@pytest.mark.parametrize("part", PARTS)
def test_a_file_instead_of_the_prefix(prefix, part):
    path = prefix.with_name(f"bert_model.ckpt.{part}")
    assert refusal(path) == f"{path} is a file of a checkpoint, not its prefix; did you mean {prefix}?"


def test_a_directory_instead_of_the_prefix(prefix):
    meant = f"{prefix.parent} is a directory, not the prefix of a checkpoint; did you mean {prefix}"
    assert refusal(prefix.parent) == f"{meant}?"
    prefix.with_name("model.ckpt-2000.index").touch()
    assert refusal(prefix.parent) == f"{meant} or {prefix.parent}/model.ckpt-2000?"
    (prefix.parent / "empty").mkdir()
    assert refusal(prefix.parent / "empty").endswith(
        "not the prefix of a checkpoint, and no *.index is there"
    )


@pytest.mark.parametrize("name", ["bert_modl.ckpt", "model", "bert_model", "Bert_Model.CKPT"])
def test_a_misspelt_prefix(prefix, name):
    message = f"{prefix.with_name(name)}: no checkpoint: {name}.index is missing; did you mean {prefix}?"
    assert refusal(prefix.with_name(name)) == message


def test_places_without_a_checkpoint(prefix, tmp_path):
    assert refusal(tmp_path / "no" / "bert_model.ckpt") == f"{tmp_path / 'no'}: no such directory"
    archive = tmp_path / "uncased_L-12_H-768_A-12.zip"
    archive.touch()
    assert refusal(archive).startswith(
        f"{archive} is a file, not the prefix of a checkpoint: {archive.name}.index"
    )
    for path in tmp_path.iterdir():
        path.unlink()
    assert refusal(prefix).endswith("bert_model.ckpt.index is missing, and no *.index is there")


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (["index"], "bert_model.ckpt.index is missing; fetch or unpack it again"),
        (["data-00001-of-00002"], "incomplete: bert_model.ckpt.data-00001-of-00002 not in"),
        (["data-00000-of-00002", "data-00001-of-00002"], "incomplete: bert_model.ckpt.data-… (which holds"),
    ],
)
def test_missing_files_are_named(prefix, lost, message):
    for part in lost:
        prefix.with_name(f"{prefix.name}.{part}").unlink()
    assert message in refusal(prefix)


def test_parts_of_an_older_checkpoint_do_not_count(prefix):
    prefix.with_name(f"{prefix.name}.data-00000-of-00003").write_text("x")
    assert [path.name[-5:] for path in files_of(prefix)[1:]] == ["00002", "00002"]


def test_files_that_cannot_be_read(prefix, monkeypatch):
    prefix.with_name(f"{prefix.name}.data-00001-of-00002").write_bytes(b"")
    assert refusal(prefix).endswith("data-00001-of-00002 is empty")

    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    assert refusal(prefix) == f"{prefix.parent}: cannot be read: permission denied"


def test_without_tensorflow_it_is_said_how_to_get_it(prefix, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(StageError, match="pip install tensorflow-cpu"):
        TensorFlowCheckpoint(prefix)


@needs_tensorflow
def test_what_is_written_reads_the_same(written):
    checkpoint = TensorFlowCheckpoint(written)
    assert checkpoint.shapes == {"a/kernel": (20, 30), "b": (3,), "c": ()}
    assert checkpoint.types == {"a/kernel": "float32", "b": "int64", "c": "float32"}
    for name, values in VARIABLES.items():
        read = checkpoint.read(name)
        assert read.dtype == values.dtype
        assert np.array_equal(read, values)


@needs_tensorflow
def test_a_checkpoint_in_several_files(tmp_path):
    import tensorflow as tf

    for name, values in VARIABLES.items():
        write_checkpoint(tmp_path / name[0], {name: values})
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(tmp_path / name[0]) for name in VARIABLES],
        destination_prefix=str(tmp_path / "m.ckpt"),
    )
    assert len(files_of(tmp_path / "m.ckpt")) == 4
    checkpoint = TensorFlowCheckpoint(tmp_path / "m.ckpt")
    assert np.array_equal(checkpoint.read("a/kernel"), VARIABLES["a/kernel"])


@needs_tensorflow
@pytest.mark.parametrize("kept", [1, 60, -1])
def test_a_cut_index(written, kept):
    path = written.with_name("m.ckpt.index")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StageError, match=r"m\.ckpt: cannot be read, so a file of it is cut or damaged"):
        TensorFlowCheckpoint(written)


@needs_tensorflow
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:5], lambda data: data[:99] + b"\xff" + data[100:]]
)
def test_cut_and_damaged_data(written, damage):
    path = written.with_name("m.ckpt.data-00000-of-00001")
    path.write_bytes(damage(path.read_bytes()))
    checkpoint = TensorFlowCheckpoint(written)
    with pytest.raises(StageError, match=r"m\.ckpt: cannot be read, so a file of it is cut or damaged"):
        for name in VARIABLES:
            checkpoint.read(name)
