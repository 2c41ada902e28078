"""The spec of the smoke job: its file is in the package, the rest is as for any job."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from launcher.errors import SpecError, UsageError
from launcher.plan.build import plan
from launcher.spec.job import Launch
from launcher.spec.load import load
from launcher.spec.scalars import parse_size
from launcher.spec.spec import Spec

JOB_FILE = Path(__file__).with_name("smoke.yaml")
_SIZES = ("script", "parameters", "sizes")
_FLOAT = 4


def smoke_spec(cluster: str | os.PathLike[str], overrides: Sequence[str], environ: Mapping[str, str]) -> Spec:
    """The smoke job on a cluster; `overrides` are the texts of `--set`.

    Raises SpecError, and UsageError where there are no two ranks that could meet.
    """
    spec = load(cluster, JOB_FILE, overrides=overrides, environ=environ)
    if problems := list(_size_problems(spec)):
        raise SpecError([spec.problem("job", _SIZES, message) for message in problems])
    made = plan(spec)
    if made.launch == Launch.NONE.value:
        raise UsageError(
            f"an all-reduce needs ranks that meet: {made.ranks} rank(s), launch: {made.launch}",
            hint="two devices or more in the cluster file, --ranks 2 or more",
        )
    return spec


def sizes_override(text: str) -> str:
    """`8,64KiB,1MB` as the text of a `--set`. Raises UsageError."""
    try:
        sizes = [parse_size(item.strip()) for item in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--sizes {text}: {error}", hint="such as --sizes 8,64KiB,1MiB") from error
    return f"{'.'.join(_SIZES)}={sizes}"


def _size_problems(spec: Spec) -> Iterator[str]:
    given = spec.job.script.parameters.get("sizes", ()) if spec.job.script else ()
    sizes = given if isinstance(given, tuple) else (given,)
    if not sizes:
        yield "no sizes: give at least one, in bytes"
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < _FLOAT or size % _FLOAT:
            yield f"{size} is no size: expected bytes, a multiple of {_FLOAT} (values are float32)"
    if len(set(sizes)) != len(sizes):
        yield "a size is given more than once"
