"""TFRecord files of tf.train.Example, without TensorFlow.

Formats: https://www.tensorflow.org/tutorials/load_data/tfrecord (frames with masked CRC-32C) and
tensorflow/core/example/example.proto, feature.proto (protocol buffers: protobuf.dev, "Encoding").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Union

import google_crc32c

from tinybert.stages.stage import StageError

Values = Union[Sequence[int], Sequence[float], Sequence[bytes]]

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Feature is one of these, by field number; each holds its values as field 1.
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def write_record(file: BinaryIO, data: bytes) -> None:
    """Append one frame: length (uint64), its masked CRC, data, its masked CRC; little endian."""
    length = _LENGTH.pack(len(data))
    file.write(b"".join((length, _CRC.pack(_masked_crc(length)), data, _CRC.pack(_masked_crc(data)))))


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the data of each frame. Raises StageError, with file and byte offset, at a damaged or cut one."""
    with path.open("rb") as file:
        offset, size = 0, path.stat().st_size
        while head := file.read(12):
            where = f"{path}: record at byte {offset}"
            (length,) = _LENGTH.unpack(_checked(head, 8, f"{where} (its length)"))
            if length > size - offset - 16:
                raise StageError(f"{where} is cut: the file ends before its {length} bytes do")
            yield _checked(file.read(length + 4), length, where)
            offset += 16 + length


def _checked(frame: bytes, size: int, where: str) -> bytes:
    """The first `size` bytes of `frame`, which the masked CRC after them must fit."""
    if len(frame) < size + 4:
        raise StageError(f"{where} is cut: the file ends within it")
    data = frame[:size]
    if _CRC.unpack(frame[size:])[0] != _masked_crc(data):
        raise StageError(f"{where} is damaged: its checksum does not fit")
    return data


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def encode_example(features: Mapping[str, Values]) -> bytes:
    """Serialise a tf.train.Example; keys sorted, so that equal features give equal bytes.

    Ints become an Int64List, floats a FloatList, bytes a BytesList; an empty feature has no kind.
    """
    entries = (
        _field(1, _field(1, name.encode()) + _field(2, _encode_feature(features[name])))
        for name in sorted(features)
    )
    return _field(1, b"".join(entries))


def _encode_feature(values: Values) -> bytes:
    if not values:
        return b""
    if isinstance(values[0], bytes):
        return _field(_BYTES_LIST, b"".join(_field(1, value) for value in values))
    if isinstance(values[0], float):
        return _field(_FLOAT_LIST, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(_INT64_LIST, _field(1, b"".join(map(_VARINTS.__getitem__, values))))


def _field(number: int, content: bytes) -> bytes:
    return b"".join((_VARINTS[number << 3 | _BYTES], _VARINTS[len(content)], content))


class _Varints(dict):
    """Each int64 with its encoding, kept for the next time: token ids come back again and again."""

    def __missing__(self, value: int) -> bytes:
        rest, encoded = value & 0xFFFFFFFFFFFFFFFF, bytearray()
        while rest > 0x7F:
            encoded.append(rest & 0x7F | 0x80)
            rest >>= 7
        encoded.append(rest)
        return self.setdefault(value, bytes(encoded))


_VARINTS = _Varints()


def decode_example(data: bytes) -> dict[str, list]:
    """Parse a tf.train.Example: {name: [int | float | bytes, ...]}. Raises StageError where it is none."""
    try:
        return dict(
            _decode_entry(entry)
            for field, features in _fields(data)
            if field == 1
            for number, entry in _fields(features)
            if number == 1
        )
    except _MALFORMED as error:
        raise _no_example(data, error) from error


def decode_feature(data: bytes, name: str) -> list:
    """One feature of a tf.train.Example, the others unparsed; empty where there is none of that name.

    Raises StageError where the data is no tf.train.Example.
    """
    wanted = name.encode()
    try:
        for _, features in _fields(data):
            for _, entry in _fields(features):
                fields = dict(_fields(entry))
                if fields.get(1) == wanted:
                    return _decode_feature(fields.get(2, b""))
    except _MALFORMED as error:
        raise _no_example(data, error) from error
    return []


_MALFORMED = (IndexError, struct.error, TypeError, UnicodeDecodeError)


def _no_example(data: bytes, error: Exception) -> StageError:
    return StageError(f"a record of {len(data)} bytes is no tf.train.Example: {error}")


def _decode_entry(entry: bytes) -> tuple[str, list]:
    fields = dict(_fields(entry))
    return fields.get(1, b"").decode(), _decode_feature(fields.get(2, b""))


def _decode_feature(feature: bytes) -> list:
    values: list = []
    for kind, content in _fields(feature):
        for _, value in _fields(content):
            if kind == _BYTES_LIST or not isinstance(value, bytes):
                values.append(value)
            elif kind == _FLOAT_LIST:
                values += struct.unpack(f"<{len(value) // 4}f", value)
            elif kind == _INT64_LIST:
                values += value if value.isascii() else _packed_varints(value)  # a byte each: masks, labels
        if kind == _INT64_LIST:
            values = [value - (1 << 64) if value >> 63 else value for value in values]
    return values


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int | float]]:
    """Yield field numbers with their content: int for varints, float for 32 bits, bytes for all else."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _read_varint(message, position)
            yield tag >> 3, value
            continue
        size, position = _size(message, position, kind)
        content = message[position : position + size]
        if len(content) < size:
            raise IndexError(f"field {tag >> 3} is cut")
        yield tag >> 3, struct.unpack("<f", content)[0] if kind == _FIXED32 else content
        position += size


def _size(message: bytes, position: int, kind: int) -> tuple[int, int]:
    if kind == _BYTES:
        return _read_varint(message, position)
    if kind not in (_FIXED32, _FIXED64):
        raise TypeError(f"wire type {kind} at byte {position}")
    return (4 if kind == _FIXED32 else 8), position


def _packed_varints(content: bytes) -> Iterator[int]:
    position = 0
    while position < len(content):
        value, position = _read_varint(content, position)
        yield value


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
