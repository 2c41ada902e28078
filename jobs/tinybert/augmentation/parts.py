"""Parts of an augmented file: each is kept when it is finished, and the last rank to finish joins them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.records.shards import STAGING
from tinybert.stages.artifacts import artifact, is_up_to_date, read_json, write_json, written_by_rename
from tinybert.stages.stage import say


@dataclass(frozen=True)
class Parts:
    """`count` parts in a directory of their own, each with a JSON beside it that says that it is finished."""

    directory: Path
    count: int

    def path(self, part: int) -> Path:
        """The lines of a part."""
        return self.directory / f"part-{part:05d}"

    def finished(self, part: int) -> dict[str, int] | None:
        """What was counted in a finished part, else None."""
        note, path = read_json(self._note(part)), self.path(part)
        whole = note is not None and path.is_file() and path.stat().st_size == note["bytes"]
        return note["counts"] if note and whole else None

    def write(self, part: int, lines: Iterable[str], counts: dict[str, int]) -> dict[str, int]:
        """Write a part and return `counts` with the number of its lines."""
        written = 0
        with written_by_rename(self.path(part)) as file:
            for line in lines:
                file.write(line.encode() + b"\n")
                written += 1
            counts = {**counts, "augmented_rows": written}
            size = file.tell()
        write_json(self._note(part), {"bytes": size, "counts": counts})
        return counts

    def _note(self, part: int) -> Path:
        return self.path(part).with_suffix(".json")


def finish(out: Path, header: str | None, parts: Parts, made_from: dict[str, Any]) -> None:
    """Join the parts where all are there, made here or by other ranks; else say what lacks."""
    if is_up_to_date(out, made_from):
        say(f"{out} was finished by another rank")
        return
    found = [counts for counts in map(parts.finished, range(parts.count)) if counts is not None]
    if len(found) < parts.count:
        say(f"{out}: {parts.count - len(found)} of {parts.count} parts are for other ranks to augment")
        return
    counts = {name: sum(each[name] for each in found) for name in found[0]}
    with artifact(out, made_from, counts) as file:
        if header is not None:
            file.write(header.encode() + b"\n")
        for part in range(parts.count):
            with parts.path(part).open("rb") as lines:
                shutil.copyfileobj(lines, file)
    for left in out.parent.glob(f"{STAGING}*"):
        shutil.rmtree(left)
    say(f"{out}: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))
