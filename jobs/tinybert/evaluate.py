"""Stage: score models of a task on every row of a split.

stdout has a line a model, or with --json one object; --out keeps that as a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinybert.models.weights import CONFIG_FILE, SavedModel
from tinybert.stages.artifacts import write_json
from tinybert.stages.options import positive_int
from tinybert.stages.rank import Rank, is_scheduler, run_scheduler, start
from tinybert.stages.stage import StageError, run_stage, say
from tinybert.tasks.records import TaskRecords, default_dev_split, open_task
from tinybert.tasks.tasks import TASKS
from tinybert.training.run import check_model_takes
from tinybert.training.scoring import evaluate
from tinybert.training.task_stage import load_task_model, open_encoder, require_head

FINAL = "-final"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage. Raises StageError on what the user can mend."""
    args = _parser().parse_args(argv)
    if is_scheduler():
        run_scheduler()
        return
    data = _open_data(args)
    models = [_open(path, data) for directory in args.model for path in find_models(Path(directory))]
    rank = Rank.from_environment(args.device)
    start(rank, seed=0)
    results = [_result(saved, data, rank, args.batch_size) for saved in models]
    if rank.id == 0:
        _report(args, data, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinybert.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--model",
        required=True,
        action="append",
        metavar="DIR",
        help="of finetune or task_distill, or a directory with such models somewhere below; repeat it",
    )
    add("--data", required=True, metavar="DIR", help="TFRecords of tinybert.glue")
    add("--split", metavar="NAME", help="default: dev")
    add("--task", choices=sorted(TASKS), help="where nothing beside the records says it")
    add("--out", metavar="FILE", help="JSON with the results")
    add("--json", action="store_true", help="print JSON")
    add("--batch-size", type=positive_int, default=32, metavar="N", help="rows at once (default: 32)")
    add("--device", choices=("auto", "cpu", "ascend"), default="auto", help="default: auto")
    return parser


def _open_data(args: argparse.Namespace) -> TaskRecords:
    split = args.split
    if split is None:
        candidates = [default_dev_split(args.task)] if args.task else ["dev", "dev_matched"]
        split = next((name for name in candidates if (Path(args.data) / f"{name}.tfrecord").is_file()), "dev")
    data = open_task(Path(args.data), split, args.task)
    if not data.labels_known:
        raise StageError(f"{data.path}: the labels of this split are not known; score another one")
    return data


def find_models(directory: Path) -> list[Path]:
    """The model in a directory, or the final ones of all trainings below it, by name."""
    if (directory / CONFIG_FILE).is_file():
        return [directory]
    return sorted(path.parent for path in directory.rglob(f"*{FINAL}/{CONFIG_FILE}")) or [directory]


def _open(directory: Path, data: TaskRecords) -> SavedModel:
    saved = open_encoder(directory, data)
    require_head(saved, data.target)
    check_model_takes(saved.model, data.records)
    return saved


def _result(saved: SavedModel, data: TaskRecords, rank: Rank, batch_size: int) -> dict[str, Any]:
    network = load_task_model(saved, data.target)
    found = evaluate(network, saved.model, data, rank, batch_size)
    say(f"{saved.directory}: {found['rows']} rows scored")
    return {"model": str(saved.directory), "stage": saved.info.get("stage"), **found}


def _report(args: argparse.Namespace, data: TaskRecords, results: list[dict[str, Any]]) -> None:
    content = {"schema": 1, "task": data.target.task, "split": data.split, "results": results}
    if args.out:
        write_json(Path(args.out), content)
    if args.json:
        print(json.dumps(content, indent=1))
        return
    for result in results:
        measures = (f"{name} {value:.4f}" for name, value in result.items() if isinstance(value, float))
        print(f"{result['model']}  {result['rows']} rows  {'  '.join(measures)}", flush=True)


if __name__ == "__main__":
    sys.exit(run_stage(main))
