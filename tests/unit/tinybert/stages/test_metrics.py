from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tinybert.stages.metrics import MetricsLog
from tinybert.training.plan import StepPlan


def test_a_line_for_a_person_and_one_for_the_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 102.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "time", lambda: 1700000000.5)
    metrics = MetricsLog(tmp_path / "LOG0", StepPlan(40, 16, 10, 10), global_batch=32, start_step=10)
    metrics.log(20, {"loss": 7.12345, "lr": 1e-5})
    assert capsys.readouterr().out == "step 20/40  epoch 1.25  loss 7.123  lr 1e-05  160.0 samples/s\n"
    assert json.loads((tmp_path / "LOG0" / "metrics.jsonl").read_text()) == {
        "step": 20,
        "epoch": 1.25,
        "loss": 7.12345,
        "lr": 1e-5,
        "samples_per_second": 160.0,
        "time": 1700000000.5,
    }
