"""Convert a BERT of Google's, a TensorFlow checkpoint, to a model directory of MindSpore's, or back.

--checkpoint takes the prefix of the checkpoint's files (…/bert_model.ckpt); bert_config.json and vocab.txt
are looked for beside it. The result is a model directory like that of tinybert.pretrain: a teacher. --model
takes a model directory, and makes a directory with a checkpoint, bert_config.json and vocab.txt. Variables of
the optimiser are dropped; any other that is not known is an error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinybert.conversion.bert_config import read_bert_config, write_bert_config
from tinybert.conversion.tensor_match import listed, rows_of_checkpoint, rows_of_model
from tinybert.conversion.tensor_table import Row, classes_of, heads_of, of_optimiser
from tinybert.conversion.tf_checkpoint import TensorFlowCheckpoint, files_of, write_checkpoint
from tinybert.models.config import ModelConfig
from tinybert.models.vocabulary import vocabulary_path
from tinybert.models.weights import (
    CLASSIFIER_RELU,
    CONFIG_FILE,
    MODEL_FILE,
    VOCABULARY_FILE,
    SavedModel,
    open_model,
    read_tensors,
    write_model,
)
from tinybert.stages.artifacts import directory_by_rename, read_json, sha256_of, write_json
from tinybert.stages.stage import Progress, StageError, require_one_task, run_stage, say
from tinybert.text.tokenization import load_vocabulary

BERT_CONFIG_FILE = "bert_config.json"
CHECKPOINT_NAME = "bert_model.ckpt"
RECORD_FILE = "conversion.json"  # beside a checkpoint that was written: what it was made from
_FORM = 1  # of what is written; another number converts anew


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line. Raises StageError on what the user can mend."""
    options = _parser().parse_args(arguments)
    require_one_task()
    if options.model is not None and options.config is not None:
        raise StageError("--config is for --checkpoint alone: a model directory has its own config.json")
    if options.checkpoint is not None:
        to_mindspore(options.checkpoint, options.out, options.config, options.vocab)
    else:
        to_tensorflow(options.model, options.out, options.vocab)
    return 0


def to_mindspore(prefix: Path, out: Path, config: Path | None = None, vocab: Path | None = None) -> None:
    """Write the model directory `out` from a checkpoint; nothing where it was made from the same files.

    Raises StageError where checkpoint, configuration and vocabulary cannot be read or do not fit together,
    and where `out` holds something else.
    """
    files = files_of(prefix)
    config = config or _beside(prefix, BERT_CONFIG_FILE, "--config")
    vocab = vocab or _beside(prefix, VOCABULARY_FILE, "--vocab")
    model = read_bert_config(config)
    _check_vocabulary(vocab, model, config)
    made_from = _made_from([*files, config, vocab])
    if _is_done(out, (CONFIG_FILE, MODEL_FILE, VOCABULARY_FILE), made_from):
        return
    checkpoint = TensorFlowCheckpoint(prefix)
    rows = rows_of_checkpoint(prefix, checkpoint.shapes, checkpoint.types, model, config)
    tensors = _read_turned(checkpoint, rows)
    info = {
        "stage": "convert",
        "model": model.to_dict(),
        "vocab_sha256": sha256_of(vocab),
        CLASSIFIER_RELU: False,
        "made_from": made_from,
    }
    write_model(out, {MODEL_FILE: tensors}, info, vocab.read_bytes())
    dropped = of_optimiser(checkpoint.shapes)
    if dropped:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(dropped.items()))
        say(f"{prefix}: {sum(dropped.values())} variables of the optimiser dropped: {kinds}")
    say(f"{out}: {_described(model, tensors)}")


def to_tensorflow(directory: Path, out: Path, vocab: Path | None = None) -> None:
    """Write `out`/bert_model.ckpt with configuration and vocabulary from a model directory of any stage.

    Raises StageError where the model cannot be read, is no BERT, or was trained with another vocabulary, and
    where `out` holds something else.
    """
    saved = open_model(directory)
    weights, config = directory / MODEL_FILE, directory / CONFIG_FILE
    vocab = vocabulary_path(saved, vocab)
    made_from = _made_from([weights, config, vocab])
    if _is_done(out, (RECORD_FILE, f"{CHECKPOINT_NAME}.index"), made_from):
        return
    tensors = _for_google(saved, read_tensors(weights))
    rows = rows_of_model(directory, {name: array.shape for name, array in tensors.items()}, saved.model)
    with directory_by_rename(out) as unfinished:
        write_bert_config(unfinished / BERT_CONFIG_FILE, saved.model)
        variables = {row.google: row.turn(tensors[row.here]) for row in rows}
        write_checkpoint(unfinished / CHECKPOINT_NAME, variables)
        (unfinished / VOCABULARY_FILE).write_bytes(vocab.read_bytes())
        write_json(unfinished / RECORD_FILE, {"schema": 1, "made_from": made_from})
    for path in sorted({*directory.glob("*.safetensors")} - {weights}):
        say(f"{path.name} is left out: Google's BERT has nothing like it")
    say(f"{out / CHECKPOINT_NAME}: {_described(saved.model, tensors)}")


def _for_google(saved: SavedModel, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All tensors but a classifier that is no counterpart of Google's, although its shape is the same."""
    kept = {name: array for name, array in tensors.items() if not name.startswith("classifier.")}
    if len(kept) == len(tensors) or not saved.info.get(CLASSIFIER_RELU, True):
        return tensors
    say("classifier is left out: it was trained behind a ReLU, or by token, and Google's is not")
    return kept


def _read_turned(checkpoint: TensorFlowCheckpoint, rows: tuple[Row, ...]) -> dict[str, np.ndarray]:
    """The tensors of all rows by their names here, in the orientation here.

    Raises StageError where one cannot be read or holds what is no finite number.
    """
    progress = Progress()
    tensors: dict[str, np.ndarray] = {}
    spoilt = []
    for row in rows:
        tensors[row.here] = row.turn(checkpoint.read(row.google))
        if not np.isfinite(tensors[row.here]).all():
            spoilt.append(row.google)
        progress.report(f"read {{}} of {len(rows)} variables", len(tensors))
    if spoilt:
        raise StageError(
            f"{checkpoint.prefix} holds NaN or infinity: its training had failed, take an earlier one:"
            + listed(spoilt)
        )
    return tensors


def _check_vocabulary(vocab: Path, model: ModelConfig, config: Path) -> None:
    size = load_vocabulary(vocab).size
    if size != model.vocab_size:
        raise StageError(
            f"{vocab} has {size} tokens, but {config} says vocab_size {model.vocab_size}: "
            "give the vocabulary that the model was trained with"
        )


def _beside(path: Path, name: str, option: str) -> Path:
    found = path.with_name(name)
    if not found.exists():
        raise StageError(f"{found} is missing; give {option}")
    return found


def _made_from(files: list[Path]) -> dict[str, Any]:
    return {"form": _FORM, "sha256": {path.name: sha256_of(path) for path in files}}


def _is_done(out: Path, names: tuple[str, ...], made_from: dict[str, Any]) -> bool:
    """Whether `out` has the files of these names, of which the first says that it was made from the same.

    Raises StageError where it holds something else.
    """
    record = read_json(out / names[0]) or {}
    if record.get("made_from") == made_from and all((out / name).is_file() for name in names):
        say(f"{out} is up to date")
        return True
    if not out.name or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise StageError(f"{out} is there already, and is not what these files give: give another --out")
    return False


def _described(model: ModelConfig, tensors: dict[str, np.ndarray]) -> str:
    classes = classes_of({name: array.shape for name, array in tensors.items()})
    heads = [f"{head} of {classes}" if head == "classifier" else head for head in heads_of(tensors)]
    return (
        f"{len(tensors)} tensors, {sum(array.size for array in tensors.values()):,} parameters: "
        f"{model.num_hidden_layers} layers x {model.hidden_size}, {model.num_attention_heads} heads, "
        f"vocabulary of {model.vocab_size}; {', '.join(heads) or 'encoder alone'}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--checkpoint", type=Path, metavar="PREFIX", help="from TensorFlow: …/bert_model.ckpt"
    )
    source.add_argument("--model", type=Path, metavar="DIR", help="to TensorFlow: a model directory")
    add = parser.add_argument
    add("--out", required=True, type=Path, metavar="DIR", help="directory that is made")
    add("--config", type=Path, metavar="FILE", help="bert_config.json (default: beside the checkpoint)")
    add(
        "--vocab",
        type=Path,
        metavar="FILE",
        help="vocabulary (default: vocab.txt beside checkpoint or model)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
