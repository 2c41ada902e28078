"""The files of a task, found, and checked row by row before anything is made of them."""

from __future__ import annotations

from pathlib import Path

from tinybert.stages.stage import Progress, StageError, say
from tinybert.tasks.rows import read_rows
from tinybert.tasks.tasks import Task
from tinybert.text.lines import require_file

_MOST_NAMED = 20  # malformed rows that are named one by one


def find_sources(directory: Path, task: Task, splits: list[str] | None) -> dict[str, Path]:
    """The files of the splits that are asked for, or of all that are there.

    Raises StageError where one is missing, cannot be read or is empty.
    """
    unknown = [split for split in splits or () if split not in task.splits]
    if unknown:
        raise StageError(f"no split {', '.join(unknown)} in this task, which has {', '.join(task.splits)}")
    paths = {split: directory / f"{split}{task.suffix}" for split in splits or task.splits}
    found = {split: path for split, path in paths.items() if splits or path.exists()}
    if not found:
        raise StageError(f"{directory} has none of {', '.join(path.name for path in paths.values())}")
    for path in found.values():
        require_file(path, "data")
    missing = [path.name for split, path in paths.items() if split not in found]
    if missing:
        say(f"{directory} has no {', '.join(missing)}: left out")
    return found


def check_rows(task: Task, sources: dict[str, Path], skip_malformed: bool) -> int:
    """Read all rows and return their number.

    Raises StageError that names the malformed ones, or with `skip_malformed` says them; and where a file
    holds no row.
    """
    bad: list[str] = []
    progress = Progress()
    rows = dict.fromkeys(sources, 0)
    for split, source in sources.items():
        for _row in read_rows(source, task, split, bad.append):
            rows[split] += 1
            progress.report("checked {} rows", sum(rows.values()))
    if bad:
        _report(bad, skip_malformed)
    for split, count in rows.items():
        if not count:
            raise StageError(f"{sources[split]} holds no row that can be used")
    return sum(rows.values())


def _report(bad: list[str], skip_malformed: bool) -> None:
    more = [f"… and {len(bad) - _MOST_NAMED} more"] if len(bad) > _MOST_NAMED else []
    report = "".join(f"\n  {line}" for line in bad[:_MOST_NAMED] + more)
    if not skip_malformed:
        raise StageError(
            f"malformed rows: {len(bad)}. Nothing is written; mend them, or give --skip-malformed{report}"
        )
    say(f"warning: malformed rows that are left out: {len(bad)}{report}")
