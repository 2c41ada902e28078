"""Teacher, plain and distilled student side by side, a line a seed, as `make td-sst2` trains them.

Reads the JSON of tinybert.evaluate for models at seed-<n>/{teacher,plain,td1,td2}/..., and what they say of
their training.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinybert.models.weights import CONFIG_FILE
from tinybert.stages.artifacts import read_json
from tinybert.stages.stage import StageError, run_stage

_PLACE = re.compile(r"seed-(\d+)/(teacher|plain|td1|td2)/")
_COMPARED = ("teacher", "plain", "td2")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table as Markdown. Raises StageError where a model of a seed is missing."""
    parser = argparse.ArgumentParser(prog="python -m tinybert.distillation_table", description=__doc__)
    parser.add_argument("evaluation", type=Path, help="JSON of tinybert.evaluate")
    options = parser.parse_args(argv)
    evaluation = read_json(options.evaluation)
    if evaluation is None:
        raise StageError(f"{options.evaluation}: no JSON of tinybert.evaluate")
    print("\n".join(table(by_seed(evaluation["results"]))))


def by_seed(results: list[dict[str, Any]]) -> dict[int, dict[str, dict[str, Any]]]:
    """{seed: {"teacher", "plain", "td1", "td2": result}}. Raises StageError unless each seed has all."""
    found: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for result in results:
        match = _PLACE.search(result["model"])
        if match:
            found[int(match[1])][match[2]] = result
    for seed, models in found.items():
        missing = [name for name in _COMPARED if name not in models]
        if missing:
            raise StageError(f"seed {seed}: not evaluated: {', '.join(missing)}")
    if not found:
        raise StageError("no model at seed-<n>/teacher, plain or td2 was evaluated")
    return dict(sorted(found.items()))


def table(seeds: dict[int, dict[str, dict[str, Any]]]) -> list[str]:
    """Lines of Markdown: right rows and accuracy, the reference's count beside it, seconds of training."""
    lines = [
        "| seed | teacher | plain student | distilled student | gain | seconds: teacher, plain, distilled |",
        "|---|---|---|---|---|---|",
    ]
    for seed, models in seeds.items():
        gain = models["td2"]["accuracy"] - models["plain"]["accuracy"]
        seconds = [_seconds(models[name]) for name in ("teacher", "plain")]
        seconds.append(_seconds(models["td2"]) + (_seconds(models["td1"]) if "td1" in models else 0))
        cells = [_cell(models[name]) for name in _COMPARED]
        times = ", ".join(f"{each:.0f}" for each in seconds)
        lines.append(f"| {seed} | {' | '.join(cells)} | {100 * gain:+.2f} | {times} |")
    means = [_mean(models[name]["accuracy"] for models in seeds.values()) for name in _COMPARED]
    cells = " | ".join(f"{100 * mean:.2f} %" for mean in means)
    lines.append(f"| mean | {cells} | {100 * (means[2] - means[1]):+.2f} | |")
    wins = sum(models["td2"]["accuracy"] > models["plain"]["accuracy"] for models in seeds.values())
    return [*lines, "", f"The distilled student is better in {wins} of {len(seeds)} seeds."]


def _cell(result: dict[str, Any]) -> str:
    right = round(result["accuracy"] * result["rows"])
    cell = f"{right}/{result['rows']} {100 * result['accuracy']:.2f} %"
    if "accuracy_of_whole_batches" not in result:
        return cell
    rows = result["rows_of_whole_batches"]
    return f"{cell} ({round(result['accuracy_of_whole_batches'] * rows)}/{rows})"


def _seconds(result: dict[str, Any]) -> float:
    """Wall time of the training, as it says itself."""
    info = read_json(Path(result["model"]) / CONFIG_FILE) or {}
    return float(info.get("seconds", 0))


def _mean(values: Any) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


if __name__ == "__main__":
    sys.exit(run_stage(main))
