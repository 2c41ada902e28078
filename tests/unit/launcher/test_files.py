"""Files that are replaced as a whole."""

from __future__ import annotations

import os

import pytest

from launcher.files import write_atomically, write_json
from tests.full_disk import full_disk


def test_a_full_disk_is_named_and_leaves_the_old_content_alone(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, [1])
    with full_disk(2), pytest.raises(OSError) as caught:
        write_json(path, [1, 2, 3])
    assert caught.value.filename == str(path)
    assert path.read_text() == "[\n 1\n]\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_must_survive_a_loss_of_power_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    monkeypatch.setattr(os, "replace", lambda *_: done.append("rename"))
    write_json(tmp_path / "a", {})
    write_atomically(tmp_path / "b", "script")
    assert done == ["fsync", "rename", "rename"]
