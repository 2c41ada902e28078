import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VOLUMES = "volumes:\n  dataset: {source: /data}\n"


def test_scalars_lists_and_mappings(files) -> None:
    job = files.load(
        "ranks=16",
        "timeouts.run=8h",
        "command.1=2",
        "env={A: 1, B: 'x y'}",
        'collect=["*.txt"]',
        "volumes.extra={source: /e, read_only: true}",
        "image=",
    ).job
    assert (job.ranks, job.timeouts.run, job.command, job.image) == (16, 28800.0, ("sleep", "2"), None)
    assert (job.env, job.collect) == ({"A": "1", "B": "x y"}, ("*.txt",))
    assert job.volumes["extra"].read_only is True


def test_the_cluster_file_too_before_hosts_are_expanded(files) -> None:
    sets = (
        "cluster.hosts.0.address=node[1-3]",
        "cluster.device=ascend910",
        "cluster.runtime=docker",
        "image=i",
    )
    cluster = files.load(*sets).cluster
    assert [host.address for host in cluster.hosts] == ["node1", "node2", "node3"]


def test_it_fills_a_key_that_stands_empty(files) -> None:
    assert files.load("timeouts.run=1h", more="timeouts:\n").job.timeouts.run == 3600.0


def test_the_last_one_wins(files) -> None:
    assert files.load("ranks=1", "ranks=2").job.ranks == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rnaks=3", 'unknown key "rnaks"; did you mean "ranks"?'),
        ("timeouts.rum=3", 'unknown key "rum"; did you mean "run"?'),
        ("timeot.run=3", 'unknown key "timeot"; did you mean "timeouts"?'),
        ("cluster.ssh.prot=3", 'unknown key "prot"; did you mean "port"?'),
        ("ranks=many", 'expected a whole number of at least 1, or all, got "many"'),
        ("ranks.x=3", '"ranks" is a single value: nothing can be set in it'),
        ("command.2=x", '"command" is a list of 2: expected an index from 0, got "2"'),
        ("command.x=x", '"command" is a list of 2: expected an index from 0, got "x"'),
        ("volumes.datset.source=/x", 'no volume "datset"; did you mean "dataset"?'),
        ("volumes.q.source=/x", 'no volume "q"; set volumes.NAME={source: ..., target: ...} to add one'),
        ("ranks", "expected KEY=VALUE, such as ranks=16 or cluster.ssh.port=22"),
        ("=3", "expected KEY=VALUE, such as ranks=16 or cluster.ssh.port=22"),
        ("a..b=3", "expected KEY=VALUE, such as ranks=16 or cluster.ssh.port=22"),
        ("cluster=3", "expected KEY=VALUE, such as ranks=16 or cluster.ssh.port=22"),
    ],
)
def test_the_override_itself_is_the_place(files, override: str, message: str) -> None:
    assert files.problems(override, more=VOLUMES) == [f"--set '{override}': {message}"]


def test_a_flow_value_that_is_not_yaml(files) -> None:
    (problem,) = files.problems("env={A: 1")
    assert problem.startswith("--set 'env={A: 1': not YAML: did not find expected ',' or '}'")


def test_a_message_stays_on_one_line(files) -> None:
    assert files.problems("ranks=a\nb") == [
        "--set 'ranks=a\\nb': expected a whole number of at least 1, or all, got \"a\\nb\""
    ]


def test_text_after_the_equals_sign_is_data(files, hostile: str) -> None:
    flow_or_nothing = hostile.startswith(("[", "{", '"', "'")) or hostile in ("", "~", "null")
    value = (json.dumps(hostile) if flow_or_nothing else hostile).replace("${", "$${")
    assert files.load(f"env.A={value}").job.env == {"A": hostile}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\0")))
def test_json_is_a_value(files, text: str) -> None:
    value = json.dumps(text).replace("${", "$${")
    assert files.load(f"env.A={value}").job.env == {"A": text}
