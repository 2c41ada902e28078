"""Which records make up which step, on which rank.

The order of an epoch depends on the seed and the number of the epoch alone, never on the number of ranks:
files in a random order, eight read in turns, and windows of 16,384 records shuffled. Records
t*G .. t*G+G-1 of that order are the global batch of step t, where G = ranks * batch_size; rank r trains on
the r-th part of it. So N ranks of batch b see exactly what one rank of batch N*b sees. What is left
at the end of an epoch (under G records, other ones each time) is dropped.
Every rank reads every record and parses its own: reading costs 1 % of parsing.

With `lengths` a global batch holds texts of like length and is cut to the first of them that fits, padding at
the end left out: ten tokens are not computed as 64. A record joins the batch of its length as its turn comes,
and the batch is due when it is full; at the end of an epoch what is left is joined, longest first. Steps are
as many as without.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from tinybert.records.dataset import SEQUENCE_COLUMNS, RecordFiles
from tinybert.records.tfrecord import decode_example, decode_feature, read_records
from tinybert.stages.stage import StageError
from tinybert.tasks.features import NO_LABEL

WINDOW = 16384
FILES_AT_ONCE = 8

Record = tuple[Path, bytes]


@dataclass(frozen=True)
class Sharding:
    """How the records of an epoch are shared out.

    `lengths`: ascending, the last that of the records; none: batches are as the records.
    """

    batch_size: int
    rank: int
    ranks: int
    seed: int
    lengths: tuple[int, ...] = ()

    @property
    def global_batch(self) -> int:
        """Records of one step, over all ranks."""
        return self.batch_size * self.ranks

    def steps_per_epoch(self, records: RecordFiles) -> int:
        """Whole global batches in the data. Raises StageError where there is none."""
        steps = records.instances // self.global_batch
        if steps == 0:
            raise StageError(
                f"{records.directory}: {records.instances} records are fewer than one step needs: "
                f"{self.ranks} ranks x batch size {self.batch_size}"
            )
        return steps


@dataclass(frozen=True)
class ValueLimits:
    """Values at or above these are refused (each column counts from 0).

    `labels` is the number of classes; 1: labels are scores, any finite number.
    """

    vocab_size: int
    type_vocab_size: int
    labels: int = 0

    def of(self, column: str, max_seq_length: int) -> int:
        """The first value that `column` may not hold."""
        if column in ("input_ids", "masked_lm_ids"):
            return self.vocab_size
        if column == "segment_ids":
            return self.type_vocab_size
        if column == "label_ids":
            return self.labels
        return max_seq_length if column == "masked_lm_positions" else 2


def batches(
    records: RecordFiles,
    columns: tuple[str, ...],
    sharding: Sharding,
    limits: ValueLimits,
    start_step: int = 0,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield this rank's part of step `start_step`, and of all that follow, without end.

    One array a column: int32 (float32 for weights) [batch_size, values]. Raises StageError, naming the
    file, on a record that the model cannot take.
    """
    steps_per_epoch = sharding.steps_per_epoch(records)
    epoch, skipped = divmod(start_step, steps_per_epoch)
    first = sharding.rank * sharding.batch_size
    while True:
        for length, group in islice(_global_batches(records, sharding, epoch), skipped, None):
            own = group[first : first + sharding.batch_size]
            parsed = [parse_record(record, columns, records.lengths, limits) for record in own]
            yield tuple(_cut(np.stack(values), name, length) for name, values in zip(columns, zip(*parsed)))
        epoch, skipped = epoch + 1, 0


def _global_batches(
    records: RecordFiles, sharding: Sharding, epoch: int
) -> Iterator[tuple[int, list[Record]]]:
    """Whole global batches of an epoch, each with the number of tokens that its longest record may have."""
    lengths = sharding.lengths or (records.max_seq_length,)
    waiting: dict[int, list[Record]] = {length: [] for length in lengths}
    for record in epoch_order(records, sharding.seed, epoch):
        length = lengths[0] if len(lengths) == 1 else _shortest_of(lengths, record)
        waiting[length].append(record)
        if len(waiting[length]) == sharding.global_batch:
            yield length, waiting[length]
            waiting[length] = []
    left = [(length, record) for length in reversed(lengths) for record in waiting[length]]
    for start in range(0, len(left) - sharding.global_batch + 1, sharding.global_batch):
        group = left[start : start + sharding.global_batch]
        yield group[0][0], [record for _, record in group]


def _shortest_of(lengths: tuple[int, ...], record: Record) -> int:
    """The first of `lengths` that the tokens of a record fit into, else the last, where it is refused."""
    mask = decode_feature(record[1], "input_mask")
    tokens = max((place for place, real in enumerate(mask, 1) if real), default=0)
    return next((length for length in lengths if tokens <= length), lengths[-1])


def _cut(values: np.ndarray, column: str, length: int) -> np.ndarray:
    """The first `length` tokens of a column that has a value for each token, [B, S]; others as they are."""
    by_token = column in SEQUENCE_COLUMNS or _are_tags(column, values.shape[1])
    return np.ascontiguousarray(values[:, :length]) if by_token else values


def _are_tags(column: str, count: int) -> bool:
    """Whether a column of so many values is a label for each token."""
    return column == "label_ids" and count > 1


def epoch_order(records: RecordFiles, seed: int, epoch: int) -> Iterator[Record]:
    """All records of an epoch in its order, unparsed. Raises StageError if their number has changed."""
    count = 0
    for number, window in enumerate(_windows(_in_turns(_shuffled(records.files, [seed, epoch])))):
        yield from _shuffled(window, [seed, epoch, number])
        count += len(window)
    if count != records.instances:
        raise StageError(f"{records.directory}: {count} records, but {records.instances} when training began")


def _shuffled(items: tuple | list, seed: list[int]) -> list:
    return [items[i] for i in np.random.default_rng(seed).permutation(len(items))]


def _in_turns(files: list[Path]) -> Iterator[Record]:
    """One record of each of eight files in turn; a file that ends gives its place to the next one."""
    waiting = iter(files)
    reading = [(path, read_records(path)) for _, path in zip(range(FILES_AT_ONCE), waiting)]
    while reading:
        for place in reading[:]:
            record = next(place[1], None)
            if record is not None:
                yield place[0], record
                continue
            following = next(waiting, None)
            position = reading.index(place)
            reading[position : position + 1] = [(following, read_records(following))] if following else []


def _windows(stream: Iterator[Record]) -> Iterator[list[Record]]:
    window: list[Record] = []
    for record in stream:
        window.append(record)
        if len(window) == WINDOW:
            yield window
            window = []
    if window:
        yield window


def parse_record(
    record: Record, columns: tuple[str, ...], lengths: dict[str, int], limits: ValueLimits
) -> tuple[np.ndarray, ...]:
    """Columns of a record (file, data), int32 or float32 [values]. Raises StageError as `batches` does."""
    path, data = record
    features = decode_example(data)
    return tuple(_column(path, name, features, lengths, limits) for name in columns)


def _column(
    path: Path, name: str, features: dict[str, list], lengths: dict[str, int], limits: ValueLimits
) -> np.ndarray:
    values = features.get(name, [])
    if len(values) != lengths[name]:
        raise StageError(f"{path}: a record has {len(values)} values of {name}, others {lengths[name]}")
    if isinstance(values[0], float) and _may_be_float(name, limits):
        return _finite(path, name, values)
    if not isinstance(values[0], int):
        kind = type(values[0]).__name__
        raise StageError(f"{path}: a record has {name} as {kind}, where whole numbers must be")
    limit = limits.of(name, lengths["input_ids"])
    counted = [value for value in values if value != NO_LABEL] if _are_tags(name, len(values)) else values
    extremes = (min(counted), max(counted)) if counted else ()
    wrong = next((value for value in extremes if not 0 <= value < limit), None)
    if wrong is not None:
        raise StageError(f"{path}: a record has {name} {wrong}, outside 0..{limit - 1} of this model")
    return np.asarray(values, np.int32)


def _may_be_float(column: str, limits: ValueLimits) -> bool:
    return column == "masked_lm_weights" or (column == "label_ids" and limits.labels == 1)


def _finite(path: Path, name: str, values: list[float]) -> np.ndarray:
    wrong = next((value for value in values if not math.isfinite(value)), None)
    if wrong is not None:
        raise StageError(f"{path}: a record has {name} {wrong}, which is no finite number")
    return np.asarray(values, np.float32)
