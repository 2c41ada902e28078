import json
from collections.abc import Callable

import pytest

from launcher.errors import UsageError
from launcher.spec.load import Spec

MORE = """\
image: i
volumes: {d: {source: /d}}
timeouts: {run: 8h}
"""
HOSTS = "devices: 0-1\nhosts:\n  - {address: a, device_ips: {0: 10.0.0.1, 1: 10.0.0.2}, ssh: {port: 22}}\n"


@pytest.fixture
def spec(files) -> Spec:
    cluster = files.ascend.partition("devices")[0] + HOSTS
    job = (
        files.job.partition("command")[0]
        + "script: {template: rank.sh.j2, parameters: {a: [1, x, true], b: 1e-4}}\n"
    )
    return files.load(cluster=cluster, job=job, more=MORE)


def test_it_comes_back_equal(spec: Spec) -> None:
    again = Spec.from_json(spec.to_json())
    assert again == spec
    assert again.to_json() == spec.to_json()
    assert json.loads(spec.to_json())["schema"] == 1


def test_text_comes_back_equal(files, hostile: str) -> None:
    value = json.dumps(hostile, ensure_ascii=True).replace("${", "$${")
    if any(ord(character) > 0xFFFF for character in hostile):
        value = hostile
    spec = files.load(f"env.A={value}", f"command=[x, {value}]")
    assert spec.job.env["A"] == spec.job.command[1] == hostile
    assert Spec.from_json(spec.to_json()) == spec


def test_unknown_keys_are_ignored_at_every_level(spec: Spec) -> None:
    stored = json.loads(spec.to_json())
    job, cluster = stored["job"], stored["cluster"]
    for holder in (
        stored,
        job,
        cluster,
        job["timeouts"],
        job["volumes"]["d"],
        job["script"],
        cluster["hosts"][0]["ssh"],
    ):
        holder["from_the_future"] = {"x": 1}
    assert Spec.from_json(json.dumps(stored)) == spec


def test_a_newer_schema_is_refused_by_name(spec: Spec) -> None:
    stored = json.loads(spec.to_json()) | {"schema": 2}
    with pytest.raises(UsageError, match=r"^a/spec.json: schema 2, this launcher reads up to 1"):
        Spec.from_json(json.dumps(stored), "a/spec.json")


def without_ranks(stored: dict) -> None:
    del stored["job"]["ranks"]


def without_templates(stored: dict) -> None:
    del stored["templates"]


@pytest.mark.parametrize("damage", [without_ranks, without_templates])
def test_a_spec_that_is_not_whole(spec: Spec, damage: Callable[[dict], None]) -> None:
    stored = json.loads(spec.to_json())
    damage(stored)
    with pytest.raises(UsageError, match="not a stored spec"):
        Spec.from_json(json.dumps(stored))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "1"}', '{"schema": 1}', "null"])
def test_text_that_is_no_spec(text: str) -> None:
    with pytest.raises(UsageError, match="not a stored spec"):
        Spec.from_json(text)


def test_problems_of_later_stages(spec: Spec) -> None:
    assert str(spec.problem("cluster", ("hosts", 0, "device_ips", 1), "!")) == "cluster.yaml:6:47: !"
    assert str(spec.problem("cluster", ("hosts", 0, "host_ip"), "!")) == "cluster.yaml:6:5: !"
    assert str(spec.problem("job", ("ranks",), "!")) == "job.yaml:3:8: !"
    stored = Spec.from_json(spec.to_json())
    assert str(stored.problem("cluster", ("hosts",), "!")) == f"{spec.cluster_file}: !"
    assert str(stored.problem("job", ("ranks",), "!")) == f"{spec.job_file}: !"
