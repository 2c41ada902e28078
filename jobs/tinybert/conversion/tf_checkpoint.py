"""TensorFlow's checkpoints: PREFIX.index, and PREFIX.data-NNNNN-of-NNNNN with the values of its variables.

TensorFlow itself reads and writes them. What can be known without it is checked before it is imported, which
takes seconds.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.stages.stage import StageError
from tinybert.text.lines import require_file

_DATA = re.compile(r"(.+)\.data-(\d{5})-of-(\d{5})")
_FILES_OF_A_PREFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_MOST_NAMED = 8


class TensorFlowCheckpoint:
    """A checkpoint whose index has been read: `shapes` and `types` of its variables by name."""

    def __init__(self, prefix: Path):
        """Raises StageError where files are missing or damaged, or TensorFlow is not installed."""
        self.prefix = prefix
        self.files = files_of(prefix)
        tensorflow = _tensorflow()
        with _refusals(self.prefix):
            self._reader = tensorflow.compat.v1.train.NewCheckpointReader(str(prefix))
        shapes = self._reader.get_variable_to_shape_map()
        self.shapes: dict[str, tuple[int, ...]] = {name: tuple(shape) for name, shape in shapes.items()}
        types = self._reader.get_variable_to_dtype_map()
        self.types: dict[str, str] = {name: kind.name for name, kind in types.items()}

    def read(self, name: str) -> np.ndarray:
        """The values of a variable. Raises StageError where its bytes are missing or fail their checksum."""
        with _refusals(self.prefix, f"{name}: "):
            return np.asarray(self._reader.get_tensor(name))


def write_checkpoint(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write variables as Google's scripts read them, in one data file. There is no graph (.meta).

    Equal variables give equal bytes.
    """
    names = sorted(tensors)
    _tensorflow().raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tensors[name] for name in names],
    )


def files_of(prefix: Path) -> list[Path]:
    """The index and all data files of a checkpoint.

    Raises StageError that says what there is instead where `prefix` is none, or that names missing files.
    """
    try:
        index = prefix.with_name(f"{prefix.name}.index")
        if not prefix.name or not index.exists():
            raise StageError(_no_checkpoint(prefix))
        files = [index, *_data_files(prefix)]
    except PermissionError as error:
        raise StageError(f"{error.filename}: cannot be read: permission denied") from error
    for file in files:
        require_file(file, "checkpoint file")
    return files


def _data_files(prefix: Path) -> list[Path]:
    """All parts of the data. Raises StageError that names those that are missing."""
    there: dict[int, set[int]] = {}
    for path in prefix.parent.iterdir():
        match = _DATA.fullmatch(path.name)
        if match and match[1] == prefix.name:
            there.setdefault(int(match[3]), set()).add(int(match[2]))
    lacking: list[str] = []
    for total, parts in there.items():
        names = [f"{prefix.name}.data-{part:05d}-of-{total:05d}" for part in range(total)]
        lacking = [name for part, name in enumerate(names) if part not in parts]
        if not lacking:
            return [prefix.with_name(name) for name in names]
    missing = _a_few(lacking) or f"{prefix.name}.data-… (which holds the values)"
    raise StageError(f"{prefix}: incomplete: {missing} not in {prefix.parent}; fetch or unpack it again")


def _no_checkpoint(path: Path) -> str:
    """What is wrong with a prefix that has no index, and what may have been meant."""
    if path.is_dir():
        return f"{path} is a directory, not the prefix of a checkpoint{_did_you_mean(_prefixes_in(path))}"
    stem = path.with_name(_FILES_OF_A_PREFIX.sub("", path.name))
    if stem != path and stem in _prefixes_in(path.parent):
        return f"{path} is a file of a checkpoint, not its prefix; did you mean {stem}?"
    if not path.parent.is_dir():
        return f"{path.parent}: no such directory"
    if any(other.name.startswith(f"{stem.name}.data-") for other in path.parent.iterdir()):
        return f"{stem}: incomplete: {stem.name}.index is missing; fetch or unpack it again"
    if path.is_file():
        return f"{path} is a file, not the prefix of a checkpoint: {path.name}.index is not beside it"
    others = _prefixes_in(path.parent)
    close = difflib.get_close_matches(path.name, [other.name for other in others], n=1, cutoff=0.0)
    meant = [path.with_name(name) for name in close]
    return f"{path}: no checkpoint: {path.name}.index is missing{_did_you_mean(meant)}"


def _prefixes_in(directory: Path) -> list[Path]:
    return sorted(path.with_suffix("") for path in directory.glob("*.index"))


def _did_you_mean(prefixes: list[Path]) -> str:
    if not prefixes:
        return ", and no *.index is there"
    return f"; did you mean {_a_few([str(prefix) for prefix in prefixes], ' or ')}?"


def _a_few(names: list[str], joint: str = ", ") -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return joint.join(names[:_MOST_NAMED]) + more


@contextmanager
def _refusals(prefix: Path, what: str = "") -> Iterator[None]:
    """Turn TensorFlow's errors into a StageError. Bytes beyond the end of a file are an IndexError to it."""
    try:
        yield
    except (_tensorflow().errors.OpError, IndexError) as error:
        raise StageError(
            f"{prefix}: cannot be read, so a file of it is cut or damaged; fetch or unpack it again "
            f"({what}{getattr(error, 'message', error)})"
        ) from error


def _tensorflow() -> Any:
    """Import TensorFlow without its words on the processor. Raises StageError where it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import tensorflow
    except ImportError as error:
        raise StageError(
            f"checkpoints are read and written by TensorFlow, which cannot be imported here ({error}): "
            "pip install tensorflow-cpu (on ARM: tensorflow), which the extra convert of this project does"
        ) from error
    return tensorflow
