from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tinybert.records.batches
from tinybert.records.batches import Sharding, ValueLimits, batches, epoch_order
from tinybert.records.dataset import DISTILL_COLUMNS, PRETRAIN_COLUMNS, RecordFiles, open_records
from tinybert.stages.stage import StageError

Write = Callable[..., Path]
LIMITS = ValueLimits(vocab_size=50, type_vocab_size=2)
GOOD = {"input_ids": [1, 2, 3, 0], "input_mask": [1, 1, 1, 0], "segment_ids": [0, 0, 1, 0]}


@pytest.fixture
def records(write_records: Write) -> RecordFiles:
    """40 records, whose first tokens are 0 to 39, in two files."""
    directory = write_records()
    data = (directory / "a.tfrecord").read_bytes()
    half = len(data) // 2
    assert len(data) % 40 == 0, "records of one size, so that half of the bytes are half of the records"
    (directory / "a.tfrecord").write_bytes(data[:half])
    (directory / "b.tfrecord").write_bytes(data[half:])
    return open_records(directory, PRETRAIN_COLUMNS)


def _numbers(feed: Iterator[tuple[np.ndarray, ...]], count: int) -> list[list[int]]:
    return [batch[0][:, 0].tolist() for batch in islice(feed, count)]


def _feed(records: RecordFiles, sharding: Sharding, start: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
    return batches(records, PRETRAIN_COLUMNS, sharding, LIMITS, start)


@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_ranks_together_see_what_one_rank_with_the_whole_batch_sees(records: RecordFiles, ranks: int) -> None:
    alone = _feed(records, Sharding(2 * ranks, 0, 1, seed=1))
    shared = [_feed(records, Sharding(2, rank, ranks, seed=1)) for rank in range(ranks)]
    for whole, *parts in islice(zip(alone, *shared, strict=False), 20):
        for column, pieces in zip(whole, zip(*parts, strict=False), strict=False):
            np.testing.assert_array_equal(column, np.concatenate(pieces))


def test_an_epoch_holds_each_record_once_and_drops_only_what_fills_no_batch(records: RecordFiles) -> None:
    epoch = functools.reduce(operator.iadd, _numbers(_feed(records, Sharding(7, 0, 1, seed=1)), 5), [])
    assert len(set(epoch)) == 35


def test_one_rank_alone_is_shuffled_across_files_and_every_epoch_differs(records: RecordFiles) -> None:
    numbers = _numbers(_feed(records, Sharding(40, 0, 1, seed=1)), 3)
    assert sorted(numbers[0]) == list(range(40))
    assert numbers[0] != sorted(numbers[0])
    assert numbers[0] != numbers[1] != numbers[2]


def test_the_seed_decides_the_order(records: RecordFiles) -> None:
    def first(seed: int) -> list[list[int]]:
        return _numbers(_feed(records, Sharding(8, 0, 1, seed)), 5)

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("start", [1, 4, 5, 12])
def test_resuming_skips_exactly(records: RecordFiles, start: int) -> None:
    sharding = Sharding(4, 1, 2, seed=3)
    assert (
        _numbers(_feed(records, sharding, start), 8) == _numbers(_feed(records, sharding), start + 8)[start:]
    )


def test_windows_smaller_than_the_data_keep_every_record(
    records: RecordFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tinybert.records.batches, "WINDOW", 16)
    assert sorted(data for _, data in epoch_order(records, 1, 0)) == sorted(
        data for _, data in epoch_order(records, 2, 5)
    )
    assert len(list(epoch_order(records, 1, 0))) == 40


def test_more_ranks_than_files_is_no_matter_and_fewer_records_than_a_step_is_an_error(
    records: RecordFiles,
) -> None:
    assert Sharding(5, 0, 8, seed=1).steps_per_epoch(records) == 1
    with pytest.raises(StageError, match="40 records are fewer than one step needs: 8 ranks x batch size 6"):
        Sharding(6, 0, 8, seed=1).steps_per_epoch(records)


def test_types_are_those_of_the_model(records: RecordFiles) -> None:
    batch = dict(zip(PRETRAIN_COLUMNS, next(_feed(records, Sharding(4, 0, 1, seed=1))), strict=False))
    assert {name: column.dtype for name, column in batch.items()} == {
        name: np.dtype("float32" if name == "masked_lm_weights" else "int32") for name in PRETRAIN_COLUMNS
    }
    assert batch["input_ids"].shape == (4, 8)
    assert batch["next_sentence_labels"].shape == (4, 1)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("input_ids", [1, 2, 50, 0], r"input_ids 50, outside 0\.\.49"),
        ("input_ids", [1, 2, -1, 0], "input_ids -1, outside"),
        ("segment_ids", [0, 0, 2, 0], r"segment_ids 2, outside 0\.\.1"),
        ("input_mask", [1, 1, 1, 2], r"input_mask 2, outside 0\.\.1"),
        ("input_ids", [1, 2, 3], "3 values of input_ids, others 4"),
        ("input_ids", [1.0, 2.0, 3.0, 0.0], "input_ids as float, where whole numbers must be"),
        ("input_mask", [b"1", b"1", b"1", b"0"], "input_mask as bytes, where whole numbers must be"),
    ],
)
def test_a_record_that_the_model_cannot_take_is_refused_with_its_file(
    write_records: Write, column: str, values: list[int], message: str
) -> None:
    opened = open_records(write_records("x.tfrecord", [GOOD, {**GOOD, column: values}]), DISTILL_COLUMNS)
    with pytest.raises(StageError, match=r"x\.tfrecord: a record has .*" + message):
        next(batches(opened, DISTILL_COLUMNS, Sharding(2, 0, 1, seed=1), LIMITS))


def _last_column(write_records: Write, column: str, values: list, outputs: int) -> list:
    """What a record's `column` becomes, for a model with so many outputs."""
    columns = (*DISTILL_COLUMNS, column)
    opened = open_records(write_records("x.tfrecord", [{**GOOD, column: values}]), columns)
    return next(batches(opened, columns, Sharding(1, 0, 1, seed=1), ValueLimits(50, 2, outputs)))[3].tolist()


@pytest.mark.parametrize(("values", "outputs"), [([2], 3), ([3.25], 1), ([-100, 2, 0, -100], 3)])
def test_labels_are_classes_scores_or_tags(write_records: Write, values: list, outputs: int) -> None:
    assert _last_column(write_records, "label_ids", values, outputs) == [values]


@pytest.mark.parametrize(
    ("column", "values", "outputs", "message"),
    [
        ("label_ids", [-100], 3, r"label_ids -100, outside 0\.\.2"),
        ("label_ids", [3], 3, r"label_ids 3, outside 0\.\.2"),
        ("label_ids", [-100, 3, 0, -100], 3, r"label_ids 3, outside 0\.\.2"),
        ("label_ids", [1.0], 3, "label_ids as float, where whole numbers must be"),
        ("label_ids", [math.nan], 3, "label_ids as float, where whole numbers must be"),
        ("label_ids", [math.nan], 1, "label_ids nan, which is no finite number"),
        ("label_ids", [math.inf], 1, "label_ids inf, which is no finite number"),
        ("masked_lm_weights", [1.0, math.nan], 0, "masked_lm_weights nan, which is no finite number"),
    ],
)
def test_labels_and_weights_that_cannot_be_learnt_from(
    write_records: Write, column: str, values: list, outputs: int, message: str
) -> None:
    with pytest.raises(StageError, match=r"x\.tfrecord: a record has " + message):
        _last_column(write_records, column, values, outputs)


def test_positions_stay_within_the_sequence(write_records: Write) -> None:
    directory = write_records()
    opened = open_records(directory, PRETRAIN_COLUMNS)
    assert LIMITS.of("masked_lm_positions", opened.max_seq_length) == 8


def test_records_that_change_under_training_are_noticed(write_records: Write) -> None:
    opened = open_records(write_records(), PRETRAIN_COLUMNS)
    feed = _feed(opened, Sharding(40, 0, 1, seed=1))
    next(feed)
    write_records(examples=None)
    data = (opened.directory / "a.tfrecord").read_bytes()
    (opened.directory / "a.tfrecord").write_bytes(data[: len(data) // 2])
    with pytest.raises(StageError, match="20 records, but 40 when training began"):
        next(feed)


@pytest.fixture
def uneven(write_records: Write) -> RecordFiles:
    """40 records of 1 to 8 tokens, five of each."""
    examples = []
    for number in range(40):
        real = number % 8 + 1
        mask = [1] * real + [0] * (8 - real)
        examples.append({"input_ids": [number] * 8, "input_mask": mask, "segment_ids": [0] * 8})
    return open_records(write_records(examples=examples), DISTILL_COLUMNS)


@pytest.mark.parametrize("ranks", [1, 2])
def test_batches_of_like_length_are_cut_and_hold_all_that_others_hold(
    uneven: RecordFiles, ranks: int
) -> None:
    shares = [Sharding(4 // ranks, rank, ranks, 1, (2, 4, 8)) for rank in range(ranks)]
    feeds = [batches(uneven, DISTILL_COLUMNS, share, LIMITS) for share in shares]
    seen = []
    for parts in islice(zip(*feeds, strict=True), 10):
        ids, _, masks = (np.concatenate(column) for column in zip(*parts, strict=True))
        seen += ids[:, 0].tolist()
        assert ids.shape == masks.shape == (4, ids.shape[1])
        assert ids.shape[1] in (2, 4, 8)
        np.testing.assert_array_equal(masks.sum(1), ids[:, 0] % 8 + 1)
    assert sorted(seen) == list(range(40))


def test_what_is_left_at_the_end_of_an_epoch_is_joined_longest_first(uneven: RecordFiles) -> None:
    """Batches of 12: ten records have up to two tokens, ten three or four, twenty more."""
    share = Sharding(12, 0, 1, 1, (2, 4, 8))
    feed = list(islice(batches(uneven, DISTILL_COLUMNS, share, LIMITS), 3))
    assert share.steps_per_epoch(uneven) == 3
    assert [ids.shape for ids, _, _ in feed] == [(12, 8), (12, 8), (12, 4)]
    longest = np.concatenate([mask.sum(1) for _, _, mask in feed[:2]])
    assert (longest > 4).sum() == 20


@pytest.mark.parametrize(
    ("mask", "width"),
    [
        ([0, 0, 0, 0, 0, 1, 1, 1], 8),
        ([0, 1, 1, 0, 0, 0, 0, 0], 4),
        ([1, 0, 0, 0, 0, 0, 0, 0], 2),
        ([0] * 8, 2),
    ],
)
def test_a_batch_is_cut_behind_the_last_real_token(write_records: Write, mask: list[int], width: int) -> None:
    """Padding may stand anywhere."""
    record = {"input_ids": list(range(8)), "input_mask": mask, "segment_ids": [0] * 8}
    opened = open_records(write_records(examples=[record]), DISTILL_COLUMNS)
    (ids, _, masks) = next(batches(opened, DISTILL_COLUMNS, Sharding(1, 0, 1, 1, (2, 4, 8)), LIMITS))
    assert ids.tolist() == [list(range(width))]
    assert masks.tolist() == [mask[:width]]


def test_a_record_longer_than_all_lengths_is_refused_with_its_file(write_records: Write) -> None:
    long = {name: [1, *values] for name, values in GOOD.items()}
    opened = open_records(
        write_records("x.tfrecord", [GOOD, {**long, "input_mask": [1] * 5}]), DISTILL_COLUMNS
    )
    with pytest.raises(StageError, match=r"x\.tfrecord: a record has 5 values of input_ids, others 4"):
        next(batches(opened, DISTILL_COLUMNS, Sharding(2, 0, 1, 1, (2, 4)), LIMITS))


def test_batches_of_like_length_go_on_at_any_step(uneven: RecordFiles) -> None:
    share = Sharding(3, 0, 1, 7, (2, 4, 8))
    whole = list(islice(batches(uneven, DISTILL_COLUMNS, share, LIMITS), 30))
    rest = list(islice(batches(uneven, DISTILL_COLUMNS, share, LIMITS, 17), 13))
    for expected, found in zip(whole[17:], rest, strict=True):
        for left, right in zip(expected, found, strict=True):
            np.testing.assert_array_equal(left, right)
