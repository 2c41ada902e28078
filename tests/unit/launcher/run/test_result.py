"""What metrics.jsonl comes to."""

from __future__ import annotations

from launcher.run.result import read_metrics, summarise


def test_first_and_last_loss_and_the_median_speed():
    rows = [
        {"step": 1, "loss": 9.0, "samples_per_second": 1.0},
        {"step": 2, "loss": 8.0, "samples_per_second": 50.0},
        {"step": 3, "loss": 7.5, "samples_per_second": 60.04},
    ]
    assert summarise(rows) == {"steps": 3, "loss_first": 9.0, "loss_last": 7.5, "samples_per_second": 50.0}


def test_rows_without_what_is_asked_for_are_passed_over():
    assert summarise([{"epoch": 1}, {"step": "x"}]) == {}
    assert summarise([{"step": 4, "accuracy": 0.5}]) == {"steps": 4}


def test_lines_that_are_no_json_are_passed_over(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 1, "loss": 2.5}\nnot json\n[1]\n{"step": 2, "lo')
    assert read_metrics(file) == {"steps": 1, "loss_first": 2.5, "loss_last": 2.5}


def test_a_job_without_metrics_has_none(tmp_path):
    assert read_metrics(tmp_path / "none") == {}
