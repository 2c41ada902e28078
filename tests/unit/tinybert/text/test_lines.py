from __future__ import annotations

import os

import pytest
from tinybert.stages.stage import StageError
from tinybert.text.lines import read_lines, require_file


def lines(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    return list(read_lines(tmp_path / "f"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb", ["a", "b"]),
        (b"a\n", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\rb\r\nc\r", ["ab", "c"]),  # a carriage return ends no line
        (b"a\n\r", ["a"]),  # and makes none after the last newline
        ("a\u2028b\x0bc\x85d\n".encode(), ["a\u2028b\x0bc\x85d"]),
        (b"", []),
    ],
)
def test_lines(tmp_path, content, expected):
    assert lines(tmp_path, content) == expected


def test_not_utf8_names_file_line_and_byte(tmp_path):
    with pytest.raises(StageError, match=r"f:2: not UTF-8 \(byte 3 of the line"):
        lines(tmp_path, b"ok\nab\xff\n")


def test_file_that_cannot_be_used(tmp_path):
    with pytest.raises(StageError, match=r"corpus .*x does not exist"):
        require_file(tmp_path / "x", "corpus")
    with pytest.raises(StageError, match="is not a file"):
        require_file(tmp_path, "corpus")
    (tmp_path / "empty").touch()
    with pytest.raises(StageError, match="is empty"):
        require_file(tmp_path / "empty", "corpus")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path):
    (tmp_path / "f").write_text("a")
    (tmp_path / "f").chmod(0)
    with pytest.raises(StageError, match="permission denied"):
        require_file(tmp_path / "f", "corpus")
