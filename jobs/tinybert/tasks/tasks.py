"""Tasks of GLUE and CLUE: their files, the columns in them, their labels.

Layouts are those of the archives that gluebenchmark.com and cluebenchmarks.com hand out; label lists and
their order are those of Google's run_classifier.py and of CLUE's baselines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

_NAMES = ("train", "dev", "test")
_TWO = ("0", "1")
_ENTAILMENT = ("entailment", "not_entailment")
_ENTITIES = (
    "address",
    "book",
    "company",
    "game",
    "government",
    "movie",
    "name",
    "organization",
    "position",
    "scene",
)
OUTSIDE = "O"


@dataclass(frozen=True)
class Task:
    """One task. `texts` and `label` are columns of a TSV file, or keys of a JSON line.

    `labels` in the order of their ids; none: the label is a score between 0 and 5. `entities`: kinds of
    entities, whose tags are the labels. Where a split is `headerless`, `columns` are its columns.
    """

    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...] = ()
    suffix: str = ".tsv"
    splits: tuple[str, ...] = _NAMES
    entities: tuple[str, ...] = ()
    headerless: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def is_score(self) -> bool:
        """Whether labels are numbers between 0 and 5."""
        return not self.labels

    def has_labels(self, split: str) -> bool:
        """Whether the files of a split say the labels; those of the test sets are kept secret."""
        return not split.startswith("test")


TASKS = MappingProxyType(
    {
        "cola": Task(
            ("sentence",),
            "label",
            _TWO,
            headerless=("train", "dev"),
            columns=("source", "label", "mark", "sentence"),
        ),
        "sst2": Task(("sentence",), "label", _TWO),
        "mrpc": Task(("#1 String", "#2 String"), "Quality", _TWO),
        "qqp": Task(("question1", "question2"), "is_duplicate", _TWO),
        "stsb": Task(("sentence1", "sentence2"), "score"),
        "mnli": Task(
            ("sentence1", "sentence2"),
            "gold_label",
            ("contradiction", "entailment", "neutral"),
            splits=("train", "dev_matched", "dev_mismatched", "test_matched", "test_mismatched"),
        ),
        "qnli": Task(("question", "sentence"), "label", _ENTAILMENT),
        "rte": Task(("sentence1", "sentence2"), "label", _ENTAILMENT),
        "wnli": Task(("sentence1", "sentence2"), "label", _TWO),
        "tnews": Task(
            ("sentence",),
            "label",
            tuple(str(number) for number in range(100, 117) if number not in (105, 111)),
            suffix=".json",
        ),
        "cluener": Task(("text",), "label", (OUTSIDE,), suffix=".json", entities=_ENTITIES),
    }
)


def with_tags(task: Task, scheme: str) -> Task:
    """The task with a tag for each part of an entity: "bio", or "bios" with S for those of one character.

    A task without entities stays as it is.
    """
    if not task.entities:
        return task
    tags = [f"{part}-{kind}" for kind in task.entities for part in scheme.replace("o", "").upper()]
    return replace(task, labels=(OUTSIDE, *tags))
