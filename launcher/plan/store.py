"""The plan as JSON: read tolerantly, written in one form, signed by a digest."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import UsageError
from launcher.files import write_atomically
from launcher.plan.layout import PLAN, SCRIPTS
from launcher.plan.model import RANK_TABLE, Plan
from launcher.stored import refuse_newer

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1
_NO_DIGEST = b'"digest":""'
"""The second key of the JSON: `plan` begins with `schema` and `digest`."""


def to_json(plan: Plan) -> bytes:
    """The whole plan; equal plans give equal bytes."""
    return _adapter().dump_json(plan)


def to_json_of_hosts(plan: Plan) -> bytes:
    """What every host keeps of a plan: all but the scripts, as each has its own beside it.

    Whoever takes a run over needs no more; the digest stays that of the whole.
    """
    return to_json(replace(plan, hosts=tuple(replace(part, files=()) for part in plan.hosts)))


def from_json(text: bytes, source: str) -> Plan:
    """A stored plan. Raises UsageError when a newer launcher wrote it, or it is damaged."""
    from pydantic import ValidationError

    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        refuse_newer(_schema_of(text), SCHEMA, source)
        raise UsageError(f"{source}: not a plan: {error}") from error
    refuse_newer(plan.schema, SCHEMA, source)
    return plan


def _schema_of(text: bytes) -> object:
    """Of a plan that could not be read otherwise; None where it has none."""
    try:
        return json.loads(text)["schema"]
    except (ValueError, KeyError, TypeError):
        return None


def write_files(plan: Plan, directory: Path) -> int:
    """Write a plan as files: plan.json, the rank table and all scripts; gives their number.

    plan.json comes first: with it the directory is known as a plan's, whatever happens then. Older scripts
    go. Raises UsageError for a directory that holds something else.
    """
    _refuse_foreign(directory)
    texts = {name: text for host in plan.hosts for name, text in plan.files_of(host).items()}
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / PLAN, to_json(plan) + b"\n")
    (directory / SCRIPTS).mkdir(exist_ok=True)
    for name, text in texts.items():
        write_atomically(directory / name, text)
    for path in (*directory.glob(f"{SCRIPTS}/*.sh"), directory / RANK_TABLE):
        if str(path.relative_to(directory)) not in texts:
            path.unlink(missing_ok=True)
    return len(texts) + 1


def _refuse_foreign(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is no directory")
    found = [
        path for path in directory.glob("*") if not path.match(f".{PLAN}.*.tmp")
    ]  # of one that was killed
    if found and not (directory / PLAN).is_file():
        raise UsageError(
            f"{directory} is not empty, and holds no plan: nothing is written there",
            hint="name a directory that is empty or not there yet",
        )


def signed(plan: Plan) -> tuple[Plan, bytes]:
    """The plan with its digest, the SHA-256 of all else in it, and its JSON, which is made only once."""
    unsigned = to_json(replace(plan, digest=""))
    digest = sha256(unsigned).hexdigest()
    return replace(plan, digest=digest), unsigned.replace(_NO_DIGEST, f'"digest":"{digest}"'.encode(), 1)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Plan]:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
