"""What a run starts from: the cluster and the job, validated, and the templates of the script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from launcher.errors import Problem, UsageError
from launcher.spec.base import Model
from launcher.spec.cluster import Cluster
from launcher.spec.job import Job
from launcher.spec.scalars import SCHEMA
from launcher.spec.tree import Node, Path
from launcher.stored import refuse_newer

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Spec:
    """A cluster file and a job file, with `on_cpu`, `--set`, variables and host ranges worked in."""

    cluster: Cluster
    job: Job
    cluster_file: str
    """Absolute path."""
    job_file: str
    """Absolute path."""
    templates: Mapping[str, str]
    """Text of the script template, of every template that it needs, and of the launcher's own, by name."""
    _trees: Mapping[str, Node] = field(default_factory=dict, repr=False, compare=False)

    def problem(self, which: Literal["cluster", "job"], path: Path, message: str) -> Problem:
        """Something that is wrong at a path into a file; without a place after `from_json`.

        `path` holds keys as in the file and list indexes, hosts counted after ranges were expanded.
        """
        if tree := self._trees.get(which):
            return tree.problem(path, message)
        return Problem(message, self.cluster_file if which == "cluster" else self.job_file)

    def to_json(self) -> str:
        """The spec as it is stored with a run."""
        return json.dumps(
            {
                "schema": SCHEMA,
                "cluster": self.cluster.model_dump(mode="json", by_alias=True),
                "job": self.job.model_dump(mode="json", by_alias=True),
                "cluster_file": self.cluster_file,
                "job_file": self.job_file,
                "templates": dict(self.templates),
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str, source: str = "the stored spec") -> Spec:
        """A stored spec; `source` is where it is from. Keys that this launcher does not know are ignored.

        Raises UsageError for a newer schema and for text that is no stored spec.
        """
        try:
            stored = json.loads(text)
            refuse_newer(stored["schema"], SCHEMA, source)
            return cls(
                _tolerant(Cluster, stored["cluster"]),
                _tolerant(Job, stored["job"]),
                stored["cluster_file"],
                stored["job_file"],
                stored["templates"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{source}: not a stored spec: {type(error).__name__}: {error}") from error


def _tolerant(model: type[M], data: Any) -> M:
    """The model without the keys that it does not know, at any level."""
    try:
        return model.model_validate(data)
    except ValidationError as failure:
        unknown = [error["loc"] for error in failure.errors() if error["type"] == "extra_forbidden"]
        if not unknown:
            raise
    for *parents, key in unknown:
        holder = data
        for part in parents:
            holder = holder[part]
        del holder[key]
    return model.model_validate(data)
