"""An exported model on disk: the graph, with all that a program needs to give it text.

model.mindir, model.onnx or model.air
config.json     format, sizes, task and labels; names, type and shape of inputs, names of outputs
vocab.txt       the vocabulary
samples.npz     inputs, and the checkpoint's own outputs for them: for comparing elsewhere
manifest.json   size and SHA-256 of the others, what they were made from, how they were compared
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.delivery.description import INPUTS, Description
from tinybert.models.weights import CONFIG_FILE, VOCABULARY_FILE
from tinybert.stages.artifacts import read_json, sha256_of, write_json
from tinybert.stages.stage import StageError

MANIFEST_FILE = "manifest.json"
SAMPLES_FILE = "samples.npz"
MINDIR, ONNX, AIR = FORMATS = ("mindir", "onnx", "air")
SCHEMA = 1


@dataclass(frozen=True)
class Shape:
    """Rows and tokens of a batch that a graph takes; None is any number."""

    batch: int | None = None
    length: int | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether there is one shape alone."""
        return self.batch is not None


@dataclass(frozen=True)
class ExportedModel:
    """An exported model whose files have been compared with its manifest."""

    directory: Path
    format: str
    shape: Shape
    description: Description
    made_from: dict[str, Any]

    @property
    def graph(self) -> Path:
        """The file that holds the network."""
        return self.directory / graph_name(self.format)

    @property
    def vocabulary(self) -> Path:
        """The file that holds the vocabulary."""
        return self.directory / VOCABULARY_FILE


def graph_name(form: str) -> str:
    """The name of the graph's file in one of FORMATS."""
    return f"model.{form}"


def is_exported(directory: Path) -> bool:
    """Whether a directory is one that tinybert.export made."""
    return (directory / MANIFEST_FILE).is_file()


def open_exported(directory: Path) -> ExportedModel:
    """Read an exported model, all but its graph. Raises StageError unless every file is as it was written."""
    manifest = read_json(directory / MANIFEST_FILE)
    if manifest is None or manifest.get("schema") != SCHEMA:
        raise StageError(
            f"{directory / MANIFEST_FILE}: not the manifest of an exported model, schema {SCHEMA}"
        )
    for name, written in manifest["files"].items():
        _check_file(directory / name, written)
    config = read_json(directory / CONFIG_FILE)
    if config is None or config.get("format") not in FORMATS:
        raise StageError(f"{directory / CONFIG_FILE}: not the configuration of an exported model")
    shape = Shape(*config["inputs"]["shape"])
    return ExportedModel(
        directory, config["format"], shape, Description.from_dict(config), manifest["made_from"]
    )


def write_config(directory: Path, form: str, shape: Shape, description: Description) -> None:
    """Write config.json."""
    inputs = {"names": list(INPUTS), "type": "int32", "shape": [shape.batch, shape.length]}
    outputs = {"names": list(description.outputs), "type": "float32"}
    content = {
        "schema": SCHEMA,
        "format": form,
        **description.to_dict(),
        "inputs": inputs,
        "outputs": outputs,
    }
    write_json(directory / CONFIG_FILE, content)


def write_manifest(directory: Path, made_from: dict[str, Any], compared: dict[str, Any] | None) -> None:
    """Write manifest.json over the files that are there. `compared` None: the graph cannot be run here."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(directory.iterdir())
    }
    content = {"schema": SCHEMA, "files": files, "compared": compared, "made_from": made_from}
    write_json(directory / MANIFEST_FILE, content)


def _check_file(path: Path, written: dict[str, Any]) -> None:
    if not path.is_file():
        raise StageError(f"{path} is missing; an exported model's files belong together: export it again")
    if path.stat().st_size != written["bytes"] or sha256_of(path) != written["sha256"]:
        raise StageError(
            f"{path} is not the file that was exported, by its SHA-256 in {MANIFEST_FILE}: export it again"
        )
