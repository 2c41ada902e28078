from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinybert.distillation_table import main
from tinybert.stages.stage import StageError


def _evaluation(tmp_path: Path, rights: dict[str, int]) -> str:
    results = []
    for place, right in rights.items():
        model = tmp_path / place
        model.mkdir(parents=True)
        (model / "config.json").write_text(json.dumps({"seconds": 60.4 if "td1" in place else 30.1}))
        whole = {"accuracy_of_whole_batches": 0.5, "rows_of_whole_batches": 864}
        results.append({"model": str(model), "rows": 872, "accuracy": right / 872, **whole})
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"results": results}))
    return str(path)


def test_seeds_stand_in_order_with_their_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rights = {"seed-10/teacher/a": 700, "seed-10/plain/a": 660, "seed-10/td1/a": 436, "seed-10/td2/a": 650}
    rights |= {"seed-2/teacher/a": 720, "seed-2/plain/a": 680, "seed-2/td2/a": 700}
    main([_evaluation(tmp_path, rights)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| 2 | 720/872 82.57 % (432/864) | 680/872 77.98 % (432/864) |")
    assert lines[2].endswith("| +2.29 | 30, 30, 30 |")
    assert lines[3].startswith("| 10 | 700/872") and lines[3].endswith("| -1.15 | 30, 30, 90 |")
    assert lines[4] == "| mean | 81.42 % | 76.83 % | 77.41 % | +0.57 | |"
    assert lines[-1] == "The distilled student is better in 1 of 2 seeds."


def test_a_seed_without_all_its_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="seed 3: not evaluated: plain, td2"):
        main([_evaluation(tmp_path, {"seed-3/teacher/a": 700})])
