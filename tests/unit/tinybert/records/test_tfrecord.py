from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinybert.records.tfrecord import (
    decode_example,
    decode_feature,
    encode_example,
    read_records,
    write_record,
)
from tinybert.stages.stage import StageError

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(
    st.lists(INT64), st.lists(st.floats(width=32, allow_nan=False)), st.lists(st.binary(max_size=300))
)


def write(path, *records):
    with path.open("wb") as file:
        for record in records:
            write_record(file, record)
    return path


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES))
def test_example_survives_a_round_trip(features):
    assert decode_example(encode_example(features)) == features


def test_bytes_do_not_depend_on_the_order_of_features():
    assert encode_example({"b": [1], "a": [2.0]}) == encode_example({"a": [2.0], "b": [1]})


def test_example_is_the_documented_wire_format():
    # Example.features is field 1, a map entry 1 (key 1, value 2); of Feature int64_list is 3, float_list 2
    a = b"\x0a\x0c" + b"\x0a\x01a" + b"\x12\x07" + b"\x1a\x05" + b"\x0a\x03" + b"\x01\xac\x02"
    b = b"\x0a\x0d" + b"\x0a\x01b" + b"\x12\x08" + b"\x12\x06" + b"\x0a\x04" + struct.pack("<f", 0.5)
    assert encode_example({"a": [1, 300], "b": [0.5]}) == bytes([0x0A, len(a + b)]) + a + b


def test_unpacked_values_are_read():
    entry = b"\x0a\x01a" + b"\x12\x06" + b"\x1a\x04" + b"\x08\x01" + b"\x08\x02"
    floats = b"\x0a\x01b" + b"\x12\x07" + b"\x12\x05" + b"\x0d" + struct.pack("<f", 0.5)
    features = b"\x0a" + bytes([len(entry)]) + entry + b"\x0a" + bytes([len(floats)]) + floats
    assert decode_example(b"\x0a" + bytes([len(features)]) + features) == {"a": [1, 2], "b": [0.5]}


@pytest.mark.parametrize("data", [b"\x0a\x05\x0a", b"\xff", b"\x0b\x01"])
def test_no_example(data):
    with pytest.raises(StageError, match=r"no tf\.train\.Example"):
        decode_example(data)
    with pytest.raises(StageError, match=r"no tf\.train\.Example"):
        decode_feature(data, "a")


def test_one_feature_is_read_alone():
    data = encode_example({"a": [1, 300], "ab": [0.5], "b": [b"x"]})
    assert [decode_feature(data, name) for name in ("a", "ab", "b", "c")] == [[1, 300], [0.5], [b"x"], []]


def test_frame_is_the_documented_format(tmp_path):
    # 0xe3069283 is the check value of CRC-32C (its CRC of "123456789"); TensorFlow masks it
    masked = (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    frame = write(tmp_path / "f", b"123456789").read_bytes()
    assert frame[:8] == struct.pack("<Q", 9)
    assert frame[12:] == b"123456789" + struct.pack("<I", masked)


def test_records_survive_a_round_trip(tmp_path):
    records = [b"", b"a", bytes(1000)]
    assert list(read_records(write(tmp_path / "f", *records))) == records
    assert list(read_records(write(tmp_path / "empty"))) == []


@pytest.mark.parametrize("size", [17 + 1, 17 + 11, 17 + 12, 17 + 17, 17 + 18])
def test_cut_file_names_the_record(tmp_path, size):
    path = write(tmp_path / "f", b"a", b"abc")
    path.write_bytes(path.read_bytes()[:size])
    records = read_records(path)
    assert next(records) == b"a"
    with pytest.raises(StageError, match=r"f: record at byte 17 .*is cut"):
        next(records)


@pytest.mark.parametrize("position", range(17, 36))
def test_damaged_byte_names_the_record(tmp_path, position):
    path = write(tmp_path / "f", b"a", b"abc")
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)
    records = read_records(path)
    assert next(records) == b"a"
    with pytest.raises(StageError, match=r"f: record at byte 17 .*is damaged"):
        next(records)
