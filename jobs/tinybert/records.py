"""Instances to the bytes of a TFRecord file, many at once: framed records of `tfrecord.encode_example`."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np

from tinybert.compiled import compiled
from tinybert.flat_corpus import FlatCorpus
from tinybert.instances import InstanceOptions, Instances
from tinybert.tokenization import CLS, SEP, Vocabulary

_AT_ONCE = 2048
_NAMES = (
    "input_ids",
    "input_mask",
    "masked_lm_ids",
    "masked_lm_positions",
    "masked_lm_weights",
    "next_sentence_labels",
    "segment_ids",
)
_BYTES, _FLOAT_LIST, _INT64_LIST = 2, 2, 3  # of protocol buffers; see tfrecord.py
_FLOAT_FEATURE = 4
_BIT_FEATURES = (1, 5, 6)  # only 0 and 1: a byte each
_MOST_VARINT = 5  # bytes of an int32 above 0
_OVERHEAD = 400  # bytes of a record beside its values: names, tags, lengths, frame


class _Layout(NamedTuple):
    """What is the same in all records."""

    length: int
    predictions: int
    cls: int
    sep: int
    names: np.ndarray
    crc: np.ndarray


class RecordWriter:
    """Writes instances as records."""

    def __init__(
        self, corpus: FlatCorpus, instances: Instances, vocabulary: Vocabulary, options: InstanceOptions
    ) -> None:
        length, predictions = options.max_seq_length, options.max_predictions_per_seq
        self._corpus, self._instances = corpus, instances
        ids = vocabulary.ids
        self._layout = _Layout(length, predictions, ids[CLS], ids[SEP], _name_entries(), _crc_tables())
        most = (3 * length + 3 * predictions) * _MOST_VARINT + _OVERHEAD
        self._buffer = np.empty(_AT_ONCE * most, np.uint8)

    def write(self, file: BinaryIO, rows: np.ndarray) -> None:
        """Append the records of these instances."""
        for start in range(0, len(rows), _AT_ONCE):
            chosen = rows[start : start + _AT_ONCE]
            size = _encode(self._corpus.tokens, self._instances, chosen, self._layout, self._buffer)
            file.write(self._buffer[:size].data)


def _name_entries() -> np.ndarray:
    """A row for each feature: how many bytes, and the field of its name in a map entry."""
    rows = np.zeros((len(_NAMES), 32), np.uint8)
    for row, name in zip(rows, _NAMES):
        field = bytes([1 << 3 | _BYTES, len(name)]) + name.encode()
        row[0], row[1 : len(field) + 1] = len(field), np.frombuffer(field, np.uint8)
    return rows


def _crc_tables() -> np.ndarray:
    """CRC-32C (polynomial 0x1EDC6F41, reflected) of each byte followed by 0 to 7 zero bytes."""
    tables = np.zeros((8, 256), np.int64)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = tables[0] >> 1 ^ (tables[0] & 1) * 0x82F63B78
    for at in range(1, 8):
        tables[at] = tables[at - 1] >> 8 ^ tables[0][tables[at - 1] & 0xFF]
    return tables


@compiled
def _masked_crc(data, start, end, tables):
    """As TFRecord files have it, eight bytes at a time."""
    crc = 0xFFFFFFFF
    at = start
    while at + 8 <= end:
        low = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | np.int64(data[at + 3]) << 24
        low ^= crc
        crc = (
            tables[7, low & 0xFF]
            ^ tables[6, low >> 8 & 0xFF]
            ^ tables[5, low >> 16 & 0xFF]
            ^ tables[4, low >> 24 & 0xFF]
            ^ tables[3, data[at + 4]]
            ^ tables[2, data[at + 5]]
            ^ tables[1, data[at + 6]]
            ^ tables[0, data[at + 7]]
        )
        at += 8
    while at < end:
        crc = crc >> 8 ^ tables[0, (crc ^ data[at]) & 0xFF]
        at += 1
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@compiled
def _varint_size(value):
    size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


@compiled
def _put_varint(out, at, value):
    while value > 0x7F:
        out[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@compiled
def _put_little_endian(out, at, value, size):
    for _ in range(size):
        out[at] = value & 0xFF
        value >>= 8
        at += 1
    return at


@compiled
def _field_size(content):
    """Of a field with this many bytes in it."""
    return 1 + _varint_size(content) + content


@compiled
def _put_head(out, at, number, size):
    out[at] = number << 3 | _BYTES
    return _put_varint(out, at + 1, size)


@compiled
def _payload_size(feature, values, count):
    if feature == _FLOAT_FEATURE:
        return 4 * count
    if feature in _BIT_FEATURES:
        return count
    size = 0
    for at in range(count):
        size += _varint_size(values[at])
    return size


@compiled
def _fill(tokens, instances, row, layout, values, counts):
    """The values of all features of an instance, as integers, padded with 0."""
    values[:, :] = 0
    first, second = instances.numbers[row, 0], instances.numbers[row, 1]
    start, second_start = instances.starts[row, 0], instances.starts[row, 1]
    values[0, 0] = layout.cls
    for at in range(first):
        values[0, at + 1] = tokens[start + at]
    values[0, first + 1] = layout.sep
    for at in range(second):
        values[0, first + 2 + at] = tokens[second_start + at]
    size = first + second + 3
    values[0, size - 1] = layout.sep
    values[1, :size] = 1
    values[6, first + 2 : size] = 1
    for at in range(instances.numbers[row, 3]):
        position = instances.positions[row, at]
        values[2, at] = values[0, position]
        values[3, at] = position
        values[4, at] = 1
        values[0, position] = instances.replacements[row, at]
    values[5, 0] = instances.numbers[row, 2]


@compiled
def _put_feature(out, at, feature, values, count, payload, names):
    """A map entry: name, feature, list, values."""
    packed = _field_size(payload)
    listed = _field_size(packed)
    name_size = names[0]
    at = _put_head(out, at, 1, name_size + _field_size(listed))
    for index in range(name_size):
        out[at + index] = names[index + 1]
    at = _put_head(out, at + name_size, 2, listed)
    at = _put_head(out, at, _FLOAT_LIST if feature == _FLOAT_FEATURE else _INT64_LIST, packed)
    at = _put_head(out, at, 1, payload)
    for index in range(count):
        if feature == _FLOAT_FEATURE:
            at = _put_little_endian(out, at, 0x3F800000 if values[index] else 0, 4)  # 1.0 or 0.0
        elif feature in _BIT_FEATURES:
            out[at] = values[index]
            at += 1
        else:
            at = _put_varint(out, at, values[index])
    return at


@compiled
def _encode(tokens, instances, rows, layout, out):
    """Write records with their frames to `out`; how many bytes."""
    counts = np.array([layout.length] * 2 + [layout.predictions] * 3 + [1, layout.length])
    values = np.zeros((7, max(layout.length, layout.predictions)), np.int64)
    payloads = np.zeros(7, np.int64)
    end = 0
    for row in rows:
        _fill(tokens, instances, row, layout, values, counts)
        size = 0
        for feature in range(7):
            count = counts[feature]
            payload = _payload_size(feature, values[feature], count)
            payloads[feature] = payload
            entry = layout.names[feature, 0] + _field_size(_field_size(_field_size(payload)))
            size += _field_size(entry)
        begin = _put_little_endian(out, end, _field_size(size), 8)
        begin = _put_little_endian(out, begin, _masked_crc(out, end, end + 8, layout.crc), 4)
        at = _put_head(out, begin, 1, size)
        for feature in range(7):
            at = _put_feature(
                out, at, feature, values[feature], counts[feature], payloads[feature], layout.names[feature]
            )
        end = _put_little_endian(out, at, _masked_crc(out, begin, at, layout.crc), 4)
    return end
