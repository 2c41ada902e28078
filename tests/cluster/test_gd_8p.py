"""`make gd-8p` on two hosts with four containers each trains as eight processes of one machine do."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tinybert.records.tfrecord import encode_example, write_record

from tests.cluster.images.golden import CPU

pytestmark = pytest.mark.mindspore
REPOSITORY = Path(__file__).parents[2]
SECONDS = 1000
"""Only for what hangs: eight ranks compile beside all other tests, on as few cores as there are."""
LENGTH, PREDICTIONS, VOCABULARY = 32, 4, 100
STEPS = 3


def example(number: int) -> dict[str, list]:
    """A record of pretraining data."""
    draw = random.Random(number)
    return {
        "input_ids": [draw.randrange(VOCABULARY) for _ in range(LENGTH)],
        "input_mask": [1] * LENGTH,
        "segment_ids": [0] * 4 + [1] * (LENGTH - 4),
        "masked_lm_positions": [1, 2, 3, 4],
        "masked_lm_ids": [draw.randrange(VOCABULARY) for _ in range(PREDICTIONS)],
        "masked_lm_weights": [1.0] * PREDICTIONS,
        "next_sentence_labels": [draw.randrange(2)],
    }


@pytest.fixture
def shared(bed) -> Path:
    """A directory that is /shared on every host, with data and a teacher."""
    directory = bed.path / "shared"
    shutil.rmtree(directory / "data", ignore_errors=True)
    shutil.rmtree(directory / "teacher", ignore_errors=True)
    (directory / "data").mkdir()
    with (directory / "data" / "a.tfrecord").open("wb") as file:
        for number in range(512):
            write_record(file, encode_example(example(number)))
    words = [
        sys.executable,
        "-m",
        "tinybert.pretrain",
        "--data",
        directory / "data",
        "--output",
        directory / "teacher",
    ]
    options = ["--vocab-size", VOCABULARY, "--steps", 1, "--batch-size", 8, "--device", "cpu"]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY / "jobs"), "LAUNCHER_LOG_DIR": str(bed.path)}
    subprocess.run(
        list(map(str, words + options)), env=environ, timeout=SECONDS, check=True, capture_output=True
    )
    subprocess.run(["chmod", "-R", "a+rX", directory], check=True)
    return directory


def make_gd_8p(place, cluster: Path, root: str, *more: str) -> str:
    """`make gd-8p`; the run's id."""
    before = set(place.runs())
    variables = {
        "CLUSTER": cluster,
        "DATA": f"{root}/data",
        "TEACHER": f"{root}/teacher/teacher-final",
        "STEPS": STEPS,
    }
    words = ["make", "gd-8p", *(f"{name}={value}" for name, value in variables.items()), *more]
    done = subprocess.run(
        words, cwd=REPOSITORY, env=place.environ, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = set(place.runs()) - before
    return run


def losses(log: str) -> list[float]:
    """Of each step in a metrics.jsonl."""
    rows = list(map(json.loads, log.splitlines()))
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    return [row["loss"] for row in rows]


def losses_of(place, run: str) -> list[float]:
    """Losses of a run that has been collected."""
    return losses((place.directory(run) / "LOG0" / "metrics.jsonl").read_text())


def test_losses_are_those_of_eight_processes_of_one_machine(place, shared):
    one = yaml.safe_load((REPOSITORY / "rank_tables" / "local.yaml").read_text())
    path = [str(Path(sys.executable).parent)]
    here = place.write("here.yaml", {**one, "devices": "700-707", "path": path})
    alone = make_gd_8p(place, here, str(shared))
    run = make_gd_8p(place, place.cluster, "/shared", f"ARGS=--set image={CPU}")
    assert losses_of(place, run) == pytest.approx(losses_of(place, alone), rel=1e-6)
    assert (place.directory(run) / "ckpt" / "student-final" / "config.json").is_file()
    place.assert_nothing_left()


@pytest.mark.full
def test_the_host_scripts_by_hand_train_as_run_does(place, bed, shared):
    run = make_gd_8p(place, place.cluster, "/shared", f"ARGS=--set image={CPU}")
    for host in ("h1", "h2"):
        bed.exec(host, f"cd /var/tmp/launcher-0/runs/{run} && rm -rf ckpt/* attempt-1/LOG0/metrics.jsonl")
        bed.exec(host, f"sh /var/tmp/launcher-0/runs/{run}/attempt-1/scripts/host-{host}.sh")
    containers = f"docker ps --quiet --filter label=launcher.run={run}"
    codes = bed.exec("h1", f"docker wait $({containers})", timeout=SECONDS)
    assert codes.split() == ["0"] * 5
    by_hand = bed.exec("h1", f"cat /var/tmp/launcher-0/runs/{run}/attempt-1/LOG0/metrics.jsonl")
    assert losses(by_hand) == pytest.approx(losses_of(place, run), rel=1e-6)
