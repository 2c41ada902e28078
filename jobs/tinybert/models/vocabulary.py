"""The text that a model was trained on, by vocabulary and case, compared with what it is given."""

from __future__ import annotations

from pathlib import Path

from tinybert.models.weights import VOCABULARY_FILE, SavedModel
from tinybert.stages.artifacts import sha256_of
from tinybert.stages.stage import StageError
from tinybert.text.tokenization import load_vocabulary

_KINDS = ("cased", "uncased")


def vocabulary_path(saved: SavedModel, given: Path | None = None) -> Path:
    """The vocabulary beside a model, or the one that is given for it.

    Raises StageError where there is none, or where it is not the one that the model was trained with.
    """
    path = given or saved.directory / VOCABULARY_FILE
    if given is None and not path.is_file():
        raise StageError(f"{path} is missing: give the vocabulary of this model by --vocab")
    size = load_vocabulary(path).size
    if size != saved.model.vocab_size:
        raise StageError(f"{path} has {size} tokens, but {saved.directory} has {saved.model.vocab_size}")
    if saved.info.get("vocab_sha256") not in (None, sha256_of(path)):
        raise StageError(f"{path} is not the vocabulary that {saved.directory} was trained with")
    return path


def check_same_text(
    saved: SavedModel, vocab_sha256: str | None, lower_case: bool | None, called: Path
) -> None:
    """Raise StageError where data and model say of themselves that their vocabulary or case differs.

    Equal sizes do not make equal vocabularies. None: the data do not say it. `called`: what the user knows
    them by.
    """
    theirs = saved.info.get("vocab_sha256")
    if theirs and vocab_sha256 and theirs != vocab_sha256:
        raise StageError(
            f"{called} was made with another vocabulary than {saved.directory}: "
            "make the data again with the model's"
        )
    check_same_case(saved, lower_case, str(called))


def check_same_case(saved: SavedModel, lower_case: bool | None, called: str) -> None:
    """Raise StageError where a model says that it was trained on text of the other case; None: not known."""
    said = saved.info.get("lower_case")
    if None not in (said, lower_case) and said != lower_case:
        raise StageError(
            f"{saved.directory} was trained on {_KINDS[said]} text, but {called} is {_KINDS[lower_case]}: "
            "--cased must be as for the model"
        )
