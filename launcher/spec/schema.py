"""JSON Schema of the cluster and the job file, for editors."""

from __future__ import annotations

import copy
from typing import Any, Literal

from launcher.spec.cluster import Cluster
from launcher.spec.job import Job

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/"
_PARTIAL = "Partial"


def json_schema(which: Literal["cluster", "job"]) -> dict[str, Any]:
    """The schema that an editor checks a file with; `on_cpu` takes any part of a job."""
    model = Cluster if which == "cluster" else Job
    schema = model.model_json_schema(by_alias=True)
    if which == "job":
        _describe_on_cpu(schema)
    return {"$schema": _DIALECT, **schema, "title": f"{which} file of the launcher"}


def _describe_on_cpu(schema: dict[str, Any]) -> None:
    whole = {key: value for key, value in schema.items() if key not in ("$defs", "title", "description")}
    partial = _partial(whole)
    del partial["properties"]["on_cpu"]
    partial["description"] = schema["properties"]["on_cpu"]["description"]
    definitions = {_PARTIAL + name: _partial(value) for name, value in schema["$defs"].items()}
    schema["properties"]["on_cpu"] = partial
    schema["$defs"].update(definitions)


def _partial(schema: Any) -> Any:
    """The schema without required keys and defaults, referring to definitions that are so too."""
    if isinstance(schema, list):
        return [_partial(each) for each in schema]
    if not isinstance(schema, dict):
        return copy.deepcopy(schema)
    kept = {key: _partial(value) for key, value in schema.items() if key != "default"}
    if isinstance(kept.get("required"), list):
        del kept["required"]
    reference = kept.get("$ref")
    if isinstance(reference, str):
        kept["$ref"] = reference.replace(_DEFINITIONS, _DEFINITIONS + _PARTIAL)
    return kept
