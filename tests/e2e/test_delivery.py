"""The jobs export and predict, one after the other."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import LocalPlace
from tests.unit.tinybert.small_models import SST2, write_small_model

pytestmark = pytest.mark.mindspore
SMALL = ("needs.disk=1MB", "needs.memory_per_rank=100MB")
TEXTS = 'it\'s $(x) "a".txt'


def test_a_model_is_exported_and_labels_the_lines_of_a_file(place: LocalPlace) -> None:
    model = write_small_model(place.path / "my model", SST2)
    texts, out = place.path / "texts", place.path / "out"
    texts.mkdir()
    (texts / TEXTS).write_text("a very good film\nbad\n\n")

    place.run_well("export", *SMALL, f"volumes.model.source={model}", f"volumes.output.source={out}")
    place.run_well(
        "predict",
        *SMALL,
        f"volumes.model.source={out / 'mindir'}",
        f"volumes.texts.source={texts}",
        f"volumes.output.source={out}",
        f"script.parameters.input={json.dumps(TEXTS)}",
        "script.parameters.json=true",
    )
    lines = (out / "labels.tsv").read_text().splitlines()
    assert len(lines) == 3
    assert '"texts": ["a very good film"]' in lines[0]
