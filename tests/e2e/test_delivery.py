"""The jobs export and predict, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import LocalPlace
from tests.place import REPOSITORY
from tests.unit.tinybert.small_models import SST2, write_small_model

pytestmark = pytest.mark.mindspore
TEXTS = 'it\'s $(x) "a".txt'


def _run(place: LocalPlace, job: str, **values: str | Path) -> None:
    small = ["needs.disk=1MB", "needs.memory_per_rank=100MB"]
    words = [f"{name.replace('__', '.')}={value}" for name, value in values.items()]
    done = place.run(
        REPOSITORY / "jobs" / f"{job}.yaml", *(word for each in small + words for word in ("--set", each))
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_model_is_exported_and_labels_the_lines_of_a_file(place: LocalPlace) -> None:
    model = write_small_model(place.path / "my model", SST2)
    texts, out = place.path / "texts", place.path / "out"
    texts.mkdir()
    (texts / TEXTS).write_text("a very good film\nbad\n\n")

    _run(place, "export", volumes__model__source=model, volumes__output__source=out)
    _run(
        place,
        "predict",
        volumes__model__source=out / "mindir",
        volumes__texts__source=texts,
        volumes__output__source=out,
        script__parameters__input=f"'{TEXTS.replace(chr(39), 2 * chr(39))}'",
        script__parameters__json="true",
    )
    lines = (out / "labels.tsv").read_text().splitlines()
    assert len(lines) == 3
    assert '"texts": ["a very good film"]' in lines[0]
