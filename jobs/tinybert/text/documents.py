"""The files of a corpus: a sentence a line, a blank line between documents, in one file or several."""

from __future__ import annotations

import glob
from pathlib import Path

from tinybert.stages.stage import StageError
from tinybert.text.lines import require_file


def expand_paths(patterns: str) -> list[Path]:
    """The files that a comma-separated list of paths and glob patterns names; each pattern's in sorted order.

    Raises StageError where one names no file, or a file cannot be read or is empty.
    """
    paths = []
    for pattern in filter(None, patterns.split(",")):
        found = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern))
        if not found:
            raise StageError(f"corpus {pattern} does not exist")
        paths += [Path(name) for name in found]
    if not paths:
        raise StageError("--corpus names no file")
    for path in paths:
        require_file(path, "corpus")
    return paths
