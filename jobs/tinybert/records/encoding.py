"""Instances to the bytes of a TFRecord file, many at once: framed records of `tfrecord.encode_example`."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np

from tinybert.records.instances import InstanceOptions, Instances
from tinybert.text.compiled import compiled, compiled_part
from tinybert.text.flat_corpus import FlatCorpus
from tinybert.text.tokenization import CLS, SEP, Vocabulary

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
_BYTES, _FLOAT_LIST, _INT64_LIST = 2, 2, 3  # of protocol buffers; see tinybert.records.tfrecord
_FLOAT_FEATURE = 4
_BIT_FEATURES = (1, 5, 6)  # only 0 and 1: a byte each
_VARINT_FEATURES = (0, 2, 3)
_MOST_VARINT = 5  # bytes of an int32 above 0
_OVERHEAD = 400  # bytes of a record beside its values: names, tags, lengths, frame


class _Layout(NamedTuple):
    """What is the same in all records, and room for what is not."""

    length: int
    predictions: int
    cls: int
    sep: int
    names: np.ndarray
    crc: np.ndarray
    counts: np.ndarray  # of the values of each feature
    values: np.ndarray  # of an instance, as integers, padded with 0
    payloads: np.ndarray  # bytes of the values of each feature


class RecordWriter:
    """Writes instances as records."""

    def __init__(
        self, corpus: FlatCorpus, instances: Instances, vocabulary: Vocabulary, options: InstanceOptions
    ) -> None:
        length, predictions = options.max_seq_length, options.max_predictions_per_seq
        self._corpus, self._instances = corpus, instances
        ids = vocabulary.ids
        counts = np.array([length] * 2 + [predictions] * 3 + [1, length])
        values = np.zeros((7, max(counts)), np.int32)
        payloads = counts * np.array([1, 1, 1, 1, 4, 1, 1])  # of others than varints they stay so
        self._layout = _Layout(
            *(length, predictions, ids[CLS], ids[SEP], _name_entries(), _crc_tables()),
            *(counts, values, payloads),
        )
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
    """CRC-32C (polynomial 0x1EDC6F41, reflected) of each byte followed by 0 to 15 zero bytes."""
    tables = np.zeros((16, 256), np.uint32)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = tables[0] >> 1 ^ (tables[0] & 1) * 0x82F63B78
    for at in range(1, 16):
        tables[at] = tables[at - 1] >> 8 ^ tables[0][tables[at - 1] & 0xFF]
    return tables


@compiled_part
def _masked_crc(data, start, end, tables):
    """As TFRecord files have it, sixteen bytes at a time."""
    crc = np.int64(0xFFFFFFFF)
    at = start
    while at + 16 <= end:
        crc = np.int64(
            tables[15, (crc ^ data[at]) & 0xFF]
            ^ tables[14, (crc >> 8 ^ data[at + 1]) & 0xFF]
            ^ tables[13, (crc >> 16 ^ data[at + 2]) & 0xFF]
            ^ tables[12, (crc >> 24 ^ data[at + 3])]
            ^ tables[11, data[at + 4]]
            ^ tables[10, data[at + 5]]
            ^ tables[9, data[at + 6]]
            ^ tables[8, data[at + 7]]
            ^ tables[7, data[at + 8]]
            ^ tables[6, data[at + 9]]
            ^ tables[5, data[at + 10]]
            ^ tables[4, data[at + 11]]
            ^ tables[3, data[at + 12]]
            ^ tables[2, data[at + 13]]
            ^ tables[1, data[at + 14]]
            ^ tables[0, data[at + 15]]
        )
        at += 16
    while at < end:
        crc = crc >> 8 ^ np.int64(tables[0, (crc ^ data[at]) & 0xFF])
        at += 1
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@compiled_part
def _varint_size(value):
    size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


@compiled_part
def _put_varint(out, at, value):
    while value > 0x7F:
        out[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@compiled_part
def _put_little_endian(out, at, value, size):
    for _ in range(size):
        out[at] = value & 0xFF
        value >>= 8
        at += 1
    return at


@compiled_part
def _field_size(content):
    """Of a field with this many bytes in it."""
    return 1 + _varint_size(content) + content


@compiled_part
def _put_head(out, at, number, size):
    out[at] = number << 3 | _BYTES
    return _put_varint(out, at + 1, size)


@compiled_part
def _fill(tokens, instances, row, layout):
    """The values of all features of an instance."""
    values = layout.values
    for feature in range(7):
        for at in range(layout.counts[feature]):
            values[feature, at] = 0
    first, second = instances.numbers[row, 0], instances.numbers[row, 1]
    start, second_start = instances.starts[row, 0], instances.starts[row, 1]
    size = first + second + 3
    for at in range(first):
        values[0, at + 1] = tokens[start + at]
    for at in range(second):
        values[0, first + 2 + at] = tokens[second_start + at]
    values[0, 0], values[0, first + 1], values[0, size - 1] = layout.cls, layout.sep, layout.sep
    for at in range(size):
        values[1, at] = 1
        values[6, at] = at >= first + 2
    for at in range(instances.numbers[row, 3]):
        position = instances.positions[row, at]
        values[2, at], values[3, at], values[4, at] = values[0, position], position, 1
        values[0, position] = instances.replacements[row, at]
    values[5, 0] = instances.numbers[row, 2]


@compiled_part
def _size_of_varints(values, count):
    """Of values up to 2**31 - 1."""
    size = count
    for at in range(count):
        value = values[at]
        size += (value >= 1 << 7) + (value >= 1 << 14) + (value >= 1 << 21) + (value >= 1 << 28)
    return size


@compiled_part
def _put_varints(out, at, values, count):
    for index in range(count):
        value = np.int64(values[index])
        if value < 1 << 21:  # nearly always: no branch that depends on the value
            more, still_more = value >> 7 != 0, value >> 14 != 0
            out[at] = value & 0x7F | more << 7
            out[at + 1] = value >> 7 & 0x7F | still_more << 7
            out[at + 2] = value >> 14
            at += 1 + more + still_more
        else:
            at = _put_varint(out, at, value)
    return at


@compiled_part
def _put_payload(out, at, feature, values, count):
    if feature == _FLOAT_FEATURE:
        for index in range(count):
            at = _put_little_endian(out, at, 0x3F800000 if values[index] else 0, 4)  # 1.0 or 0.0
        return at
    if feature in _BIT_FEATURES:
        for index in range(count):
            out[at + index] = values[index]
        return at + count
    return _put_varints(out, at, values, count)


@compiled_part
def _put_feature(out, at, feature, payload, name):
    """The head of a map entry: name, feature, list."""
    packed = _field_size(payload)
    listed = _field_size(packed)
    name_size = name[0]
    at = _put_head(out, at, 1, name_size + _field_size(listed))
    for index in range(name_size):
        out[at + index] = name[index + 1]
    at = _put_head(out, at + name_size, 2, listed)
    at = _put_head(out, at, _FLOAT_LIST if feature == _FLOAT_FEATURE else _INT64_LIST, packed)
    return _put_head(out, at, 1, payload)


@compiled_part
def _size_of_entries(layout):
    """Bytes of all map entries of an instance, with their heads."""
    size = 0
    for feature in range(7):
        payload = layout.payloads[feature]
        if feature in _VARINT_FEATURES:
            payload = _size_of_varints(layout.values[feature], layout.counts[feature])
            layout.payloads[feature] = payload
        entry = layout.names[feature, 0] + _field_size(_field_size(_field_size(payload)))
        size += _field_size(entry)
    return size


@compiled
def _encode(tokens, instances, rows, layout, out):
    """Write records with their frames to `out`; how many bytes."""
    end = 0
    for row in rows:
        _fill(tokens, instances, row, layout)
        size = _size_of_entries(layout)
        begin = _put_little_endian(out, end, _field_size(size), 8)
        begin = _put_little_endian(out, begin, _masked_crc(out, end, end + 8, layout.crc), 4)
        at = _put_head(out, begin, 1, size)
        for feature in range(7):
            at = _put_feature(out, at, feature, layout.payloads[feature], layout.names[feature])
            at = _put_payload(out, at, feature, layout.values[feature], layout.counts[feature])
        end = _put_little_endian(out, at, _masked_crc(out, begin, at, layout.crc), 4)
    return end
