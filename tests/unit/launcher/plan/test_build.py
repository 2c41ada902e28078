import builtins
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

from launcher.errors import SpecError
from launcher.plan import store
from launcher.plan.build import plan
from launcher.plan.hosts import host_plan
from launcher.plan.model import Binding, Owner
from launcher.plan.scripts import Renderer
from launcher.spec.spec import Spec

BOUND = Binding(
    run_id="work-20260101-0a1b2c",
    attempt="3",
    scheduler_port="20123",
    code="c0de",
    owners={"node1": Owner(uid="501", gid="20"), "node2": Owner(uid="777", gid="30")},
)


def impure(*args: object, **kwargs: object) -> None:
    raise AssertionError("a plan looks at nothing but the spec and the binding")


@pytest.mark.parametrize("ascend", [False, True])
def test_a_plan_is_a_pure_function(plans, monkeypatch, ascend):
    spec = plans.spec({"volumes": {"output": {}, "code": {"source": "."}}}, ascend=ascend)
    first = plan(spec, BOUND)
    places = {
        builtins: ["open", "input"],
        os: [
            "open",
            "stat",
            "listdir",
            "scandir",
            "getcwd",
            "urandom",
            "getpid",
            "getuid",
            "system",
            "uname",
        ],
        time: ["time", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime", "sleep"],
        random: ["random", "randrange", "sample", "choice"],
        socket: ["socket", "gethostname", "getaddrinfo"],
        subprocess: ["Popen", "run"],
    }
    for module, names in places.items():
        for name in names:
            monkeypatch.setattr(module, name, impure)
    monkeypatch.setattr(os, "environ", {})

    second = plan(spec, BOUND)

    monkeypatch.undo()
    assert store.to_json(second) == store.to_json(first)


def test_equal_input_gives_equal_bytes_in_any_process(plans):
    plans.spec({"env": {"B": "1", "A": "2"}, "secrets": []}, ascend=True)
    words = [sys.executable, "-m", "launcher", "plan", "job.yaml", "-c", "cluster.yaml", "--json"]

    outputs = {
        subprocess.run(
            words,
            cwd=plans.directory,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(outputs) == 1


def test_a_stored_spec_gives_the_same_plan(plans):
    spec = plans.spec(ascend=True)

    assert plan(Spec.from_json(spec.to_json()), BOUND) == plan(spec, BOUND)


def test_a_binding_replaces_every_placeholder(plans):
    job = {
        "volumes": {"output": {}, "code": {"source": "."}},
        "secrets": ["TOKEN"],
        "launch": "dynamic",
        "ranks": 16,
    }

    text = store.to_json(plans.plan(job, {"work_dir": None}, ascend=True, binding=BOUND)).decode()

    assert not re.findall("@[A-Z_]+@", text)
    assert "/var/tmp/launcher-501/runs/work-20260101-0a1b2c/attempt-3" in text
    assert "/var/tmp/launcher-777/runs/work-20260101-0a1b2c/attempt-3" in text
    assert "/dev/shm/launcher-777/work-20260101-0a1b2c/secrets" in text


def test_without_a_binding_placeholders_are_named(plans):
    made = plans.plan({"volumes": {"code": {"source": "."}}, "secrets": ["TOKEN"]})

    (host,) = made.hosts
    assert host.attempt_dir == "/var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@"
    assert host.code_dir == "/var/tmp/launcher-@UID@/code/@CODE@"
    assert host.secrets_file == "/dev/shm/launcher-@UID@/@RUN@/secrets"
    assert ("MS_SCHED_PORT", "@SCHEDULER_PORT@") in made.members[0].environment


def test_what_a_host_gets(plans):
    job = {"ranks": 10, "volumes": {"output": {"source": "/data/out"}}}

    made = plans.plan(job, ascend=True)

    first, second = made.hosts
    assert (first.label, first.address, first.work_dir) == ("node1", "node1", "/data/launcher")
    assert first.run_dir == "/data/launcher/runs/@RUN@"
    assert second.members == ("8", "9")
    assert second.locks == ("npu-0", "npu-1")
    assert second.directories == (
        "/data/launcher/runs/@RUN@/lease",
        "/data/launcher/runs/@RUN@/attempt-@ATTEMPT@/state",
        "/data/launcher/runs/@RUN@/ckpt",
        "/data/out",
        "/data/launcher/runs/@RUN@/attempt-@ATTEMPT@/LOG8/ms_log",
        "/data/launcher/runs/@RUN@/attempt-@ATTEMPT@/LOG8/plog",
        "/data/launcher/runs/@RUN@/attempt-@ATTEMPT@/LOG9/ms_log",
        "/data/launcher/runs/@RUN@/attempt-@ATTEMPT@/LOG9/plog",
    )
    assert list(made.files_of(second)) == [
        "rank_table.json",
        "scripts/rank-8.sh",
        "scripts/rank-9.sh",
        "scripts/host-node2.sh",
    ]
    assert made.files_of(second)["rank_table.json"] == made.rank_table
    assert made.host("node2") is second
    with pytest.raises(KeyError):
        made.host("node3")


def test_ranks_on_the_cpu_lock_their_device_ids(plans):
    (host,) = plans.plan(cluster={"devices": "900-907"}).hosts

    assert host.locks == ("cpu-900", "cpu-901", "cpu-902", "cpu-903")


def test_ranks_without_a_device_lock_nothing(plans):
    assert plans.plan({"devices_per_rank": 0, "launch": "none"}).hosts[0].locks == ()


def test_hosts_without_ranks_are_not_in_the_plan(plans):
    assert [host.label for host in plans.plan({"ranks": 8}, ascend=True).hosts] == ["node1"]


def test_the_policy_of_a_job(plans):
    job = {
        "on_failure": "continue",
        "timeouts": {"start": "5m", "run": "2h", "stop_grace": 3, "cancel_grace": "1m"},
        "restart": {"max": 2, "delay": 20, "exit_codes": [1, 137]},
        "collect": ["*.txt", "plog"],
    }

    policy = plans.plan(job).policy

    assert (policy.on_failure, policy.start_timeout, policy.run_timeout) == ("continue", 300.0, 7200.0)
    assert (policy.stop_grace, policy.cancel_grace) == (3.0, 60.0)
    assert (policy.restart_max, policy.restart_delay, policy.restart_exit_codes) == (2, 20.0, (1, 137))
    assert policy.collect == ("*.txt", "plog")


@pytest.mark.parametrize(("ascend", "grace"), [(False, 1.0), (True, 5.0)])
def test_an_npu_gets_longer_to_be_let_go(plans, ascend, grace):
    made = plans.plan(ascend=ascend)

    assert made.policy.stop_grace == grace
    assert f"sleep {grace:g}\n" in dict(made.hosts[0].files)["scripts/rank-0.sh"]


def test_what_does_not_fit_is_an_error_at_its_place(plans):
    (problem,) = plans.problems({"ranks": 9})

    assert problem.startswith("job.yaml:1:")
    assert problem.endswith("9 ranks, but cluster here has 8 devices on 1 host(s)")


def test_several_hosts_need_their_addresses(plans):
    hosts = [
        {"address": "a", "host_ip": "127.0.0.9"},
        {"address": "b"},
        {"address": "c", "host_ip": "192.0.2.3"},
        {"address": "d"},
    ]

    problems = plans.problems({"ranks": 24, "launch": "dynamic"}, {"hosts": hosts}, ascend=True)

    assert [problem.partition(": ")[2].partition(";")[0] for problem in problems] == [
        "host a: host_ip 127.0.0.9 is loopback",
        "host b: no host_ip",
    ]
    assert all(problem.startswith("cluster.yaml:1:") for problem in problems)
    assert plans.plan({"ranks": 8, "launch": "dynamic"}, {"hosts": hosts}, ascend=True).ranks == 8
    assert plans.plan({"ranks": 24, "launch": "none"}, {"hosts": hosts}, ascend=True).ranks == 24


def test_what_hccl_would_refuse_is_an_error_of_the_cluster_file(plans):
    hosts = [{"address": f"n{n}", "host_ip": f"192.0.2.{n}"} for n in (1, 2)]

    problems = plans.problems({"ranks": 16}, {"hosts": hosts}, ascend=True)

    assert problems
    assert all(problem.startswith("cluster.yaml:1:") for problem in problems)
    assert "rank table: error[device-ip" in problems[0]


def test_a_rank_table_needs_devices(plans):
    spec = plans.spec({"launch": "rank_table"}, ascend=True)
    job = spec.job.model_copy(update={"devices_per_rank": 0})
    stored = Spec(spec.cluster, job, spec.cluster_file, spec.job_file, spec.templates)

    with pytest.raises(SpecError, match="ranks without a device cannot be in a rank table"):
        plan(stored)


def test_a_template_that_asks_for_what_it_is_not_given_is_an_error_at_its_line(plans):
    job = plans.template(
        '{% extends "rank.sh.j2" %}\n{% block command %}\nexec {{ parameters.absent }}\n{% endblock %}'
    )

    (problem,) = plans.problems(job)

    assert problem.startswith("own.sh.j2:3:1: the script cannot be made: ")
    assert "absent" in problem


@pytest.mark.parametrize(("parameters", "given"), [({"a": 1, "b": 2}, "a, b"), ({}, "nothing")])
def test_such_an_error_says_what_is_given(plans, parameters, given):
    job = plans.template("{{ parameters.absent }}")
    job["script"]["parameters"] = parameters

    with pytest.raises(SpecError) as caught:
        plans.plan(job)
    assert (
        caught.value.hint == f"script.parameters has {given}; add one by --set script.parameters.NAME=VALUE"
    )


def test_another_error_of_a_template_has_no_such_hint(plans):
    with pytest.raises(SpecError) as caught:
        plans.plan(plans.template("{{ 1 / 0 }}"))
    assert caught.value.hint is None


def test_every_value_that_a_template_can_ask_for(plans):
    names = "job run attempt ranks device ascend driver parameters.p command secrets log_bytes stop_all"
    names += " orphan_grace stop_grace key rank host log_dir state_dir lease_dir secrets_file given_to"
    names += " volumes.data"
    job = plans.template("".join(f"{name}={{{{ {name} }}}}\n" for name in names.split()))
    job["script"]["parameters"] = {"p": 1.5}
    job |= {"volumes": {"data": {"source": "/data"}}, "launch": "none"}

    script = dict(plans.plan(job, {"work_dir": "/w"}, binding=BOUND).hosts[0].files)["scripts/rank-3.sh"]

    assert script.splitlines() == [
        "job=work",
        "run=work-20260101-0a1b2c",
        "attempt=3",
        "ranks=4",
        "device=cpu",
        "ascend=false",
        "driver=/usr/local/Ascend/driver",
        "parameters.p=1.5",
        "command=",
        "secrets=",
        "log_bytes=1000000000",
        "stop_all=true",
        "orphan_grace=300",
        "stop_grace=1",
        "key=3",
        "rank=3",
        "host=localhost",
        "log_dir=/w/runs/work-20260101-0a1b2c/attempt-3/LOG3",
        "state_dir=/w/runs/work-20260101-0a1b2c/attempt-3/state",
        "lease_dir=/w/runs/work-20260101-0a1b2c/lease",
        "secrets_file=''",
        "given_to=",
        "volumes.data=/data",
    ]


def test_what_ranks_of_another_user_leave_is_given_to_the_ssh_user(plans):
    binding = Binding(owners={"localhost": Owner(uid="7", gid="8")})

    def given(job, runtime="docker"):
        job = {"image": "image:1", "volumes": {"output": {}, "data": {"source": "/data"}}, **job}
        made = plans.plan(job, {"runtime": runtime}, binding=binding)
        return re.findall("chown (.*) #", dict(made.hosts[0].files)["scripts/rank-3.sh"])

    assert given({"user": "root"}) == ["-hR 7:8 /run/launcher/LOG3 /launcher/output"]
    own = {"output": {"source": "/mine"}}
    assert given({"user": "root", "volumes": own}) == ["-hR 7:8 /run/launcher/LOG3"]
    assert given({}) == given({"user": "root"}, "process") == []


def test_the_work_of_a_plan_grows_with_its_ranks_and_hosts_alone(plans, monkeypatch):
    counts: Counter[str] = Counter()
    render = Renderer.render
    monkeypatch.setattr(
        Renderer, "render", lambda self, name, values: counts.update([name]) or render(self, name, values)
    )
    monkeypatch.setattr(
        "launcher.plan.build.host_plan", lambda *args: counts.update(["host"]) or host_plan(*args)
    )
    hosts = [
        {
            "address": f"node{number}",
            "host_ip": f"192.0.2.{number}",
            "device_ips": {device: f"198.51.{number}.{device}" for device in range(8)},
        }
        for number in range(32)
    ]

    sizes = {}
    for ranks in (64, 128, 256):
        counts.clear()
        made = plans.plan({"ranks": ranks}, {"hosts": hosts}, ascend=True)
        assert counts == {"rank.sh.j2": ranks, "host-docker.sh.j2": ranks // 8, "host": ranks // 8}
        sizes[ranks] = len(store.to_json(made))
    assert sizes[256] - sizes[128] == pytest.approx(2 * (sizes[128] - sizes[64]), rel=0.02)
