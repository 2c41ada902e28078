"""Files of the glue stage: made once, whatever is killed, shared by ranks, and never another's."""

from __future__ import annotations

import pytest

from tests.unit.tinybert.glue_place import SST2, make_place, records, run, write


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


def test_finished_files_are_not_made_again_and_bytes_do_not_change(place, capsys):
    write(place, "train.tsv", SST2)
    write(place, "dev.tsv", SST2)
    assert run(place, "sst2", "--splits", "dev") == 0
    before = (place / "out" / "dev.tfrecord").stat()
    assert run(place, "sst2") == 0
    assert "dev.tfrecord is up to date" in capsys.readouterr().err
    assert (place / "out" / "dev.tfrecord").stat().st_mtime_ns == before.st_mtime_ns
    assert run(place, "sst2", out="again") == 0
    for split in ("train", "dev"):
        name = f"{split}.tfrecord"
        assert (place / "out" / name).read_bytes() == (place / "again" / name).read_bytes()
    write(place, "dev.tsv", SST2 + "b\t0\n")
    assert run(place, "sst2") == 0
    assert len(records(place, "dev")) == 3


def test_killed_while_writing_goes_on_with_what_is_missing(place, monkeypatch):
    class Killed(BaseException):
        pass

    def dies_at_the_first(features):
        raise Killed

    for split in ("train", "dev"):
        write(place, f"{split}.tsv", SST2)
    assert run(place, "sst2", "--splits", "dev") == 0
    before = (place / "out" / "dev.tfrecord").stat().st_mtime_ns
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("tinybert.glue.encode_example", dies_at_the_first)
        run(place, "sst2")
    assert sorted(path.name for path in (place / "out").iterdir()) == ["dev.tfrecord", "dev.tfrecord.json"]
    assert run(place, "sst2") == 0
    assert (place / "out" / "dev.tfrecord").stat().st_mtime_ns == before
    assert len(records(place, "train")) == 2


def test_killed_before_a_file_is_described_it_is_ours(place, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    write(place, "train.tsv", SST2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tinybert.stages.artifacts.describe", killed)
        run(place, "sst2")
    assert (place / "out" / "train.tfrecord").exists()
    assert not (place / "out" / "train.tfrecord.json").exists()
    assert run(place, "sst2") == 0
    names = sorted(path.name for path in (place / "out").iterdir())
    assert names == ["train.tfrecord", "train.tfrecord.json"]


def test_files_of_others_are_not_replaced(place, capsys):
    for split in ("train", "dev"):
        write(place, f"{split}.tsv", SST2)
    (place / "out").mkdir()
    (place / "out" / "dev.tfrecord").write_text("precious")
    for _attempt in range(2):
        assert run(place, "sst2") == 2
        assert "dev.tfrecord was not written by this stage: name another --out" in capsys.readouterr().err
    assert [path.name for path in (place / "out").iterdir()] == ["dev.tfrecord"]
    assert (place / "out" / "dev.tfrecord").read_text() == "precious"


def test_ranks_share_the_files(place, monkeypatch):
    for split in ("train", "dev"):
        write(place, f"{split}.tsv", SST2)
    monkeypatch.setenv("RANK_SIZE", "2")
    for rank, expected in enumerate(("train", "dev")):
        monkeypatch.setenv("RANK_ID", str(rank))
        assert run(place, "sst2", out="shared") == 0  # what another rank has finished is not shared anew
        assert run(place, "sst2", out=f"out{rank}") == 0
        names = {path.name for path in (place / f"out{rank}").iterdir()}
        assert names == {f"{expected}.tfrecord", f"{expected}.tfrecord.json"}
    assert len(list((place / "shared").glob("*.tfrecord"))) == 2
