"""Files that are replaced as a whole."""

from __future__ import annotations

import pytest

from launcher.files import write_json
from tests.full_disk import full_disk


def test_a_full_disk_is_named_and_leaves_the_old_content_alone(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, [1])
    with full_disk(2), pytest.raises(OSError) as caught:
        write_json(path, [1, 2, 3])
    assert caught.value.filename == str(path)
    assert path.read_text() == "[\n 1\n]\n"
    assert list(tmp_path.iterdir()) == [path]
