"""Which records make up which step, on which rank.

The order of an epoch depends on the seed and the number of the epoch alone, never on the number of ranks:
files in a random order, eight read in turns, and windows of 16,384 records shuffled. Records
t*G .. t*G+G-1 of that order are the global batch of step t, where G = ranks * batch_size; rank r trains on
the r-th part of it. So N ranks of batch b see exactly what one rank of batch N*b sees. What is left
at the end of an epoch (under G records, other ones each time) is dropped.
Every rank reads every record and parses its own: reading costs 1 % of parsing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinybert.dataset import RecordFiles
from tinybert.stage import StageError
from tinybert.tfrecord import decode_example, read_records

WINDOW = 16384
FILES_AT_ONCE = 8

Record = tuple[Path, bytes]


@dataclass(frozen=True)
class Sharding:
    """How the records of an epoch are shared out."""

    batch_size: int
    rank: int
    ranks: int
    seed: int

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
    """Values at or above these are refused (each column counts from 0)."""

    vocab_size: int
    type_vocab_size: int

    def of(self, column: str, max_seq_length: int) -> int:
        """The first value that `column` may not hold."""
        if column in ("input_ids", "masked_lm_ids"):
            return self.vocab_size
        if column == "segment_ids":
            return self.type_vocab_size
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
    while True:
        batch = []
        for record in _own(records, sharding, epoch, skipped):
            batch.append(_parse(record, columns, records.lengths, limits))
            if len(batch) == sharding.batch_size:
                yield tuple(np.stack(values) for values in zip(*batch))
                batch = []
        epoch, skipped = epoch + 1, 0


def _own(records: RecordFiles, sharding: Sharding, epoch: int, skipped: int) -> Iterator[Record]:
    """This rank's records of the epoch's whole steps, from step `skipped` on."""
    used = sharding.steps_per_epoch(records) * sharding.global_batch
    first = skipped * sharding.global_batch
    for index, record in enumerate(epoch_order(records, sharding.seed, epoch)):
        if first <= index < used and index % sharding.global_batch // sharding.batch_size == sharding.rank:
            yield record


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


def _parse(
    record: Record, columns: tuple[str, ...], lengths: dict[str, int], limits: ValueLimits
) -> tuple[np.ndarray, ...]:
    path, data = record
    features = decode_example(data)
    return tuple(_column(path, name, features, lengths, limits) for name in columns)


def _column(
    path: Path, name: str, features: dict[str, list], lengths: dict[str, int], limits: ValueLimits
) -> np.ndarray:
    values = features.get(name, [])
    if len(values) != lengths[name]:
        raise StageError(f"{path}: a record has {len(values)} values of {name}, others {lengths[name]}")
    if name == "masked_lm_weights":
        return np.asarray(values, np.float32)
    limit = limits.of(name, lengths["input_ids"])
    wrong = next((value for value in (min(values), max(values)) if not 0 <= value < limit), None)
    if wrong is not None:
        raise StageError(f"{path}: a record has {name} {wrong}, outside 0..{limit - 1} of this model")
    return np.asarray(values, np.int32)
