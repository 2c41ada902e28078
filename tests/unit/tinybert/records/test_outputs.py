from __future__ import annotations

from pathlib import Path

import pytest
from tinybert.records.outputs import require_not_input, require_own
from tinybert.stages.artifacts import sidecar_of
from tinybert.stages.stage import StageError


@pytest.mark.parametrize("name", ["b.txt", "./b.txt", "link", "hard"])
def test_an_input_is_not_replaced_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").touch()
    (tmp_path / "link").symlink_to("b.txt")
    (tmp_path / "hard").hardlink_to(tmp_path / "b.txt")
    with pytest.raises(StageError, match=rf"--out .*{name} is the corpus itself: name another"):
        require_not_input(tmp_path / name, "corpus", tmp_path / "a.txt", tmp_path / "b.txt")


def test_any_other_output_is_free(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").touch()
    require_not_input(tmp_path / "b.txt", "corpus", tmp_path / "a.txt", tmp_path / "missing")
    require_not_input(tmp_path / "new", "corpus", tmp_path / "a.txt", tmp_path / "new")


def test_a_file_is_ours_by_its_sidecar_or_by_unfinished_work(tmp_path: Path) -> None:
    path = tmp_path / "f"
    require_own(path, unfinished=False)
    path.touch()
    require_own(path, unfinished=True)
    with pytest.raises(StageError, match="f was not written by this stage: name another --out"):
        require_own(path, unfinished=False)
    sidecar_of(path).touch()
    require_own(path, unfinished=False)
