"""What an output may replace: nothing that is read, and no file of another's."""

from __future__ import annotations

from pathlib import Path

from tinybert.stages.artifacts import sidecar_of
from tinybert.stages.stage import StageError


def require_not_input(out: Path, what: str, *inputs: Path) -> None:
    """Raise StageError where `out` is one of the inputs, by whatever name. `what`: what they are."""
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise StageError(f"--out {out} is the {what} itself: name another")


def require_own(path: Path, unfinished: bool) -> None:
    """Raise StageError where `path` is there and was not written by the stage that asks.

    Its sidecar says that it was; where a kill left it without one, `unfinished` work on it does.
    """
    if path.exists() and not unfinished and not sidecar_of(path).exists():
        raise StageError(f"{path} was not written by this stage: name another --out")
