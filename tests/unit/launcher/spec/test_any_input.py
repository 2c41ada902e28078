"""Whatever stands in a file, the answer is a spec or problems."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launcher.errors import SpecError
from launcher.spec.cluster import Cluster, Host, Ssh
from launcher.spec.job import Job, Restart, Script, Timeouts, Volume
from launcher.spec.load import Spec

MODELS = (Cluster, Host, Ssh, Job, Restart, Script, Timeouts, Volume)
KEYS = sorted({field.alias or name for model in MODELS for name, field in model.model_fields.items()})
WORDS = (
    "",
    "a",
    "0",
    "1",
    "-1",
    "all",
    "node[1-3]",
    "n[",
    "${A}",
    "${B:-x}",
    "${",
    "10.0.0.1",
    "/x",
    "~/x",
    "8h",
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner)
    ),
    max_leaves=6,
)
YAML_TEXT = st.text(st.sampled_from("abc: -[]{},'\"\n\t#&*!|>%@`?0.~<=$"), max_size=60)
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


def as_yaml(values: dict[str, object]) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


@fuzz
@given(st.sampled_from(KEYS), VALUES, st.sampled_from(KEYS), VALUES)
def test_any_value_at_any_key(
    files, job_key: str, job_value: object, cluster_key: str, cluster_value: object
) -> None:
    job = {"schema": 1, "name": "gd", "ranks": 8, "command": ["a"], job_key: job_value}
    cluster = {"schema": 1, "name": "c", "device": "cpu", "runtime": "process", "devices": 8}
    cluster = {**cluster, "hosts": [{"address": "localhost"}], cluster_key: cluster_value}
    with suppress(SpecError):
        spec = files.load(job=as_yaml(job), cluster=as_yaml(cluster), A="a b")
        assert Spec.from_json(spec.to_json()) == spec


@fuzz
@given(YAML_TEXT)
def test_any_text(files, text: str) -> None:
    with suppress(SpecError):
        files.load(job=text)


@fuzz
@given(st.sampled_from([*KEYS, "cluster", "hosts.0", "x"]), st.sampled_from(KEYS), YAML_TEXT)
def test_any_override(files, first: str, second: str, text: str) -> None:
    with suppress(SpecError):
        files.load(f"{first}.{second}={text}", f"cluster.{first}={text}")
