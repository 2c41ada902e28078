from __future__ import annotations

import pytest
from tinybert.stages.stage import StageError
from tinybert.text.documents import expand_paths


def write(path, text):
    path.write_text(text)
    return path


def test_paths_commas_and_patterns(tmp_path):
    names = ["b1", "a2", "a10", "[x]"]
    b1, a2, a10, bracket = (write(tmp_path / name, "text") for name in names)
    assert expand_paths(f"{b1},{tmp_path}/a*,{bracket}") == [b1, a10, a2, bracket]


@pytest.mark.parametrize("pattern", ["nothing*", "missing.txt"])
def test_pattern_that_matches_nothing_is_an_error(tmp_path, pattern):
    with pytest.raises(StageError, match="does not exist"):
        expand_paths(f"{write(tmp_path / 'a', 'text')},{tmp_path}/{pattern}")


def test_no_path_is_an_error():
    with pytest.raises(StageError, match="names no file"):
        expand_paths(",")
