import json
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from launcher.spec.cluster import Cluster
from launcher.spec.job import Job
from launcher.spec.schema import json_schema


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(models_in(field.annotation) for field in fields))
    return set().union(*(models_in(part) for part in get_args(annotation)))


@pytest.mark.parametrize(("which", "root"), [("cluster", Cluster), ("job", Job)])
def test_keys_are_those_of_the_models(which: str, root: type[BaseModel]) -> None:
    schema = json_schema(which)
    assert schema["properties"].keys() == keys(root)
    assert schema["additionalProperties"] is False
    for model in models_in(root) - {root}:
        part = schema["$defs"][model.__name__]
        assert part["properties"].keys() == keys(model)
        assert part["additionalProperties"] is False


def test_on_cpu_takes_any_part_of_a_job() -> None:
    schema = json_schema("job")
    on_cpu = schema["properties"]["on_cpu"]
    assert on_cpu["properties"].keys() == keys(Job) - {"on_cpu"}
    assert on_cpu["additionalProperties"] is False
    assert "required" not in on_cpu
    assert on_cpu["properties"]["script"]["anyOf"][0] == {"$ref": "#/$defs/PartialScript"}
    assert "required" in schema["$defs"]["Script"]
    assert "required" not in schema["$defs"]["PartialScript"]


@pytest.mark.parametrize("which", ["cluster", "job"])
def test_every_reference_leads_somewhere(which: str) -> None:
    schema = json_schema(which)
    references = {part.partition('"')[0] for part in json.dumps(schema).split('"$ref": "')[1:]}
    assert references
    assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}


def test_limits_are_in_the_words_of_json_schema() -> None:
    port = json_schema("cluster")["$defs"]["Ssh"]["properties"]["port"]["anyOf"][0]
    assert port == {"minimum": 1, "maximum": 65535, "type": "integer"}
