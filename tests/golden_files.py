"""Golden files: what tests expect. `make golden` (LAUNCHER_GOLDEN=1) writes them anew; then read the diff."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
_REWRITE = os.environ.get("LAUNCHER_GOLDEN") == "1"


def check_text(path: Path, text: str) -> None:
    """Assert that a golden file holds a text."""
    if _REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    assert path.is_file(), f"no golden file {path}: make golden writes it"
    assert text == path.read_bytes().decode("utf-8"), f"differs from {path}"


def check_tree(directory: Path, texts: Mapping[str, str]) -> None:
    """Assert that a golden directory holds these files and no others."""
    if _REWRITE:
        for path in set(_files(directory)) - set(texts):
            (directory / path).unlink()
    for name, text in texts.items():
        check_text(directory / name, text)
    assert set(_files(directory)) == set(texts)


def _files(directory: Path) -> list[str]:
    return [str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()]
