"""Checkpoints of a training, and the step from which all its ranks can go on.

<output>/checkpoints/step-00000020/   by rank 0: model.safetensors, training.safetensors (optimiser, and what
                                      else is trained), config.json; renamed into place when whole
<output>/checkpoints/rank-00003.json  by every other rank: the steps that it has reached. Nothing else differs
                                      between ranks: weights, moments and step are equal bit by bit.
The directory may be shared by the ranks or be another one on each host: rank 0 reads, the others receive.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.models.weights import CONFIG_FILE, MODEL_FILE, write_model
from tinybert.stages.artifacts import read_json, write_json
from tinybert.stages.rank import Rank, gather_from_ranks
from tinybert.stages.stage import StageError

TRAINING_FILE = "training.safetensors"
_STEP_NAME = re.compile(r"step-(\d{8,})")
_REMOVED = ".removed"
_COMPARED_STEPS = 8


@dataclass(frozen=True)
class CheckpointStore:
    """Checkpoints of one training, and its `final` model directory.

    `settings` (JSON values) are what must be equal to go on with a checkpoint.
    """

    directory: Path
    final: Path
    rank: Rank
    keep: int
    total_steps: int
    settings: dict[str, Any]

    def check_unused(self, resume: bool) -> None:
        """Raise StageError where another training has left something, or where `resume` does not fit it."""
        if resume:
            self.is_complete()
            self.steps()
        elif self.final.exists() or _saved_steps(self.directory):
            raise StageError(
                f"{self.final.parent} holds an earlier training: give --resume, or another --output"
            )

    def is_complete(self) -> bool:
        """Whether the final model is there. Raises StageError if other settings made it."""
        if not _has(self.final, MODEL_FILE, CONFIG_FILE):
            return False
        check_settings(self.final, self.settings)
        return True

    def steps(self) -> list[int]:
        """Steps that this rank could go on from, oldest first. Raises StageError on other settings."""
        if self.rank.id == 0:
            return [step for step in _saved_steps(self.directory) if self._fits(step)]
        marker = read_json(self._marker) or {}
        return marker["steps"] if marker.get("settings") == self.digest else []

    def common_step(self) -> int:
        """The newest step that is whole on every rank, 0 if there is none, the last one if all is done.

        Every rank must call it.

        Raises StageError where the ranks do not run with the same settings.
        """
        newest = self.steps()[-_COMPARED_STEPS:]
        padding = [0] * (_COMPARED_STEPS - len(newest))
        mine = [self.digest, int(self.is_complete()), *newest, *padding]
        everyone = gather_from_ranks(self.rank, mine)
        different = [str(rank) for rank, other in enumerate(everyone) if other[0] != everyone[0][0]]
        if different:
            raise StageError(
                f"rank {', '.join(different)}: other data, teacher or options than rank 0; "
                "they must be the same on all hosts"
            )
        if everyone[0][1]:
            return self.total_steps
        return max(set.intersection(*({0, *steps[2:]} for steps in everyone)))

    def save(self, step: int, tensors: dict[str, dict[str, np.ndarray]], info: dict[str, Any]) -> None:
        """Write the checkpoint of `step`: rank 0 `tensors` {file: {name: array}}, the others a marker.

        Those of earlier steps go first, down to `keep` - 1: the newest of them is whole everywhere, because
        every rank has taken part in steps after it, while the new one, or one of this step or a later one
        that an earlier attempt has left, may be cut short on another rank.
        """
        earlier = [old for old in self.steps() if old < step]
        if self.rank.id:
            steps = [*earlier, step][-_COMPARED_STEPS:]
            write_json(self._marker, {"steps": steps, "settings": self.digest})
            return
        self._remove(earlier[: 1 - self.keep])
        write_model(self.path(step), tensors, self.described(step, info))

    def described(self, step: int, info: dict[str, Any]) -> dict[str, Any]:
        """`info` with the step and the settings, for config.json."""
        return {**info, "step": step, "settings": self.settings}

    def path(self, step: int) -> Path:
        """The directory of a step."""
        return self.directory / f"step-{step:08d}"

    @property
    def digest(self) -> int:
        """28 bits of the settings, to compare across ranks."""
        return int(hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:7], 16)

    @property
    def _marker(self) -> Path:
        return self.directory / f"rank-{self.rank.id:05d}.json"

    def _remove(self, steps: list[int]) -> None:
        """Remove checkpoints: each goes by one rename, and what a kill then leaves goes at the next call."""
        for step in steps:
            path = self.path(step)
            path.rename(path.with_name(f".{path.name}{_REMOVED}"))
        for left in self.directory.glob(f".*{_REMOVED}"):
            shutil.rmtree(left)

    def _fits(self, step: int) -> bool:
        """True. Raises StageError that names what differs where the checkpoint is of another training."""
        check_settings(self.path(step), self.settings)
        return True


def check_settings(directory: Path, settings: dict[str, Any]) -> None:
    """Raise StageError that names each of `settings` that a checkpoint or model was not made with."""
    saved = (read_json(directory / CONFIG_FILE) or {}).get("settings", {})
    different = [
        f"{name}: {saved.get(name)} there, {settings.get(name)} now"
        for name in sorted({*saved, *settings})
        if saved.get(name) != settings.get(name)
    ]
    if different:
        raise StageError(
            f"{directory} was made with other settings; give those again, or another --output:\n  "
            + "\n  ".join(different)
        )


def _saved_steps(directory: Path) -> list[int]:
    """Steps with a whole checkpoint of rank 0, oldest first; names of unfinished ones begin with a dot."""
    if not directory.is_dir():
        return []
    matches = [_STEP_NAME.fullmatch(path.name) for path in directory.iterdir()]
    steps = sorted(int(match[1]) for match in matches if match)
    return [
        step for step in steps if _has(directory / f"step-{step:08d}", MODEL_FILE, TRAINING_FILE, CONFIG_FILE)
    ]


def _has(directory: Path, *names: str) -> bool:
    return all((directory / name).is_file() for name in names)
