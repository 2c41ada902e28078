from __future__ import annotations

from pathlib import Path

import pytest
from tinybert.stages.stage import StageError
from tinybert.tasks.records import CLASSES, SCORE, TAGS, Target, default_dev_split, identity, open_task

from tests.unit.tinybert.small_tasks import cluener, sst2, stsb, write_task

__all__ = ["cluener", "sst2", "stsb"]  # fixtures


def test_what_glue_wrote_says_what_it_is(sst2: Path, stsb: Path, cluener: Path) -> None:
    train = open_task(sst2, "train")
    assert train.target == Target("sst2", CLASSES, ("0", "1"))
    assert (train.records.instances, train.records.max_seq_length, train.lower_case) == (40, 8, True)
    assert open_task(stsb, "dev").target == Target("stsb", SCORE, ())
    assert open_task(stsb, "dev").target.outputs == 1
    assert open_task(cluener, "dev").target == Target("cluener", TAGS, ("O", "B-name", "I-name"))


def test_records_of_run_classifier_need_the_name_of_their_task(sst2: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.tfrecord").write_bytes((sst2 / "dev.tfrecord").read_bytes())
    with pytest.raises(StageError, match="nothing beside it says which task this is: give --task"):
        open_task(tmp_path, "dev")
    dev = open_task(tmp_path, "dev", "qnli")
    assert dev.target.labels == ("entailment", "not_entailment")
    assert (dev.records.instances, dev.labels_known, dev.lower_case) == (21, True, None)


def test_what_cannot_be_used_is_refused(sst2: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"test.tfrecord: no such file \(splits there: dev, train\)"):
        open_task(sst2, "test")
    with pytest.raises(StageError, match="records of sst2, not of rte"):
        open_task(sst2, "train", "rte")
    cut = write_task(tmp_path)
    path = cut / "train.tfrecord"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StageError, match=r"train.tfrecord: \d+ bytes, but \d+ in .*train.tfrecord.json"):
        open_task(cut, "train")


def test_a_data_set_is_known_by_its_bytes_and_its_labels(sst2: Path, cluener: Path) -> None:
    train, dev = (identity(open_task(sst2, split)) for split in ("train", "dev"))
    assert train["records_sha256"] != dev["records_sha256"]
    assert identity(open_task(cluener, "dev"))["labels"] == ["O", "B-name", "I-name"]
    assert Target.from_dict(open_task(sst2, "dev").target.to_dict()) == open_task(sst2, "dev").target


def test_mnli_is_scored_on_its_matched_dev_set() -> None:
    assert (default_dev_split("mnli"), default_dev_split("sst2")) == ("dev_matched", "dev")
