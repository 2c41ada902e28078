"""The check script on this machine, with faults that are really there."""

from __future__ import annotations

import getpass
import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from launcher.check import Level, check_hosts, examine, examine_here
from launcher.check.facts import parse_facts
from launcher.check.host_needs import Source
from launcher.check.hosts import gather
from launcher.check.needs import before_a_run, of_job
from launcher.check.questions import check_script
from launcher.errors import CheckFailed
from launcher.hosts import LocalHost
from launcher.plan.build import plan
from launcher.plan.layout import LOCKS
from launcher.spec.load import load

HERE = LocalHost("here")


@pytest.fixture
def shadow(tmp_path, monkeypatch):
    """Programs that stand before those of this machine."""
    directory = tmp_path / "shadow"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def put(name: str, text: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)

    return put


def rules(findings):
    return [finding.rule for finding in findings]


def test_facts_of_this_machine(needs, tmp_path):
    facts = gather(HERE, needs)
    assert facts.work_dir == str(tmp_path / "not" / "made")
    assert facts.work_dir_refusal == "" and not (tmp_path / "not").exists()
    assert 0 < facts.disk <= shutil.disk_usage(tmp_path).total
    assert 0 < facts.memory <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert facts.cores == len(os.sched_getaffinity(0))
    assert facts.has_setsid and facts.file_system
    assert (facts.python, facts.no_python, facts.sources, facts.holders) == (None, "", (), ())


def test_nothing_is_left_where_it_was_tried_to_write(needs, tmp_path):
    gather(HERE, replace(needs, work_dir=str(tmp_path), secrets=True))
    assert list(tmp_path.iterdir()) == []
    assert not list(Path("/dev/shm").glob(".launcher-check-*"))


def test_the_default_work_directory_is_the_users_own(needs):
    assert gather(HERE, replace(needs, work_dir=None)).work_dir == f"/var/tmp/launcher-{os.getuid()}"


def test_a_work_directory_below_a_file_is_refused_in_the_hosts_own_words(needs, tmp_path):
    (tmp_path / "file").write_text("")
    (finding,) = examine({"here": replace(needs, work_dir=str(tmp_path / "file" / "x"))}, {"here": HERE})
    assert finding.rule == "work directory" and "Not a directory" in finding.words


def test_a_link_to_nowhere_is_refused(needs, tmp_path):
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    assert gather(HERE, replace(needs, work_dir=str(tmp_path / "link"))).work_dir_refusal


def test_how_many_threads_the_users_own_programs_take_is_not_the_number_of_cores(needs, monkeypatch):
    cores = gather(HERE, needs).cores
    monkeypatch.setenv("OMP_NUM_THREADS", str(cores + 1))
    assert gather(HERE, needs).cores == cores


def test_nfs(needs, shadow):
    shadow("stat", "echo 400 4096 nfs")
    assert rules(examine({"here": needs}, {"here": HERE})) == ["work directory"]


def test_more_than_there_is(needs):
    greedy = replace(needs, ranks=1, memory_per_rank=10**15, disk=10**18)
    assert rules(examine({"here": greedy}, {"here": HERE})) == ["memory", "disk"]


def test_no_room_for_secrets(needs, shadow):
    shadow("mkdir", 'case $1 in /dev/shm/*) echo "mkdir: no space" >&2; exit 1 ;; esac; exec /bin/mkdir "$@"')
    (finding,) = examine({"here": replace(needs, secrets=True)}, {"here": HERE})
    assert (finding.rule, finding.words) == ("secrets", "mkdir: no space")


def test_the_state_of_every_volume(needs, tmp_path, hostile):
    made = tmp_path / "data"
    made.mkdir()
    paths = [f"{made}/{hostile}", str(made), f"{tmp_path}/data/x/y"]
    sources = tuple(Source(str(number), path, False, False) for number, path in enumerate(paths))
    states = gather(HERE, replace(needs, sources=sources)).sources
    expected = "writable" if os.path.exists(paths[0]) else "missing"
    assert [each.state for each in states] == [expected, "writable", "missing"]
    assert not (Path.cwd() / "hacked").exists()


def test_what_nobody_may_make(needs, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    sources = (Source("v", str(tmp_path / "loop" / "x"), True, True),)
    assert [each.state for each in gather(HERE, replace(needs, sources=sources)).sources] == ["unmakeable"]


def distribution(path: Path, name: str, version: str) -> None:
    directory = path / f"{name}-{version}.dist-info"
    directory.mkdir(parents=True)
    (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_packages_are_looked_up_as_ranks_would(needs, tmp_path, monkeypatch):
    distribution(tmp_path / "lib", "launchertestone", "1.5")
    monkeypatch.setenv("PYTHONPATH", "/not/for/ranks")
    asking = replace(
        needs,
        path=os.path.dirname(sys.executable),
        env=(("PYTHONPATH", str(tmp_path / "lib")),),
        packages=("launchertestone>=2", "launchertesttwo"),
    )
    findings = examine({"here": asking}, {"here": HERE})
    assert rules(findings) == ["packages", "packages"]
    assert findings[0].words.startswith("launchertestone is 1.5, not >=2 in ")
    assert findings[1].words.startswith("launchertesttwo is not installed in ")
    assert "PYTHONPATH" not in str(findings)


def test_the_directory_of_the_launcher_is_not_looked_into(needs, tmp_path, monkeypatch):
    distribution(tmp_path, "launchertestone", "1.5")
    monkeypatch.chdir(tmp_path)
    asking = replace(needs, path=os.path.dirname(sys.executable), packages=("launchertestone",))
    assert rules(examine({"here": asking}, {"here": HERE})) == ["packages"]


def test_a_site_that_greets_does_no_harm(needs, tmp_path):
    distribution(tmp_path, "launchertestone", "1.5")
    greeting = "import sys; print('welcome'); print('hello', file=sys.stderr)\n"
    (tmp_path / "sitecustomize.py").write_text(greeting)
    asking = replace(
        needs,
        path=os.path.dirname(sys.executable),
        env=(("PYTHONPATH", str(tmp_path)),),
        packages=("launchertestone",),
    )
    assert examine({"here": asking}, {"here": HERE}) == []


def test_markers_are_those_of_the_python_of_the_ranks(needs, tmp_path):
    marked = replace(needs, path=os.path.dirname(sys.executable), packages=("absent; python_version < '3'",))
    facts = gather(HERE, marked)
    assert facts.python.environment["python_version"] == "{}.{}".format(*sys.version_info)
    assert os.path.samefile(facts.python.executable, sys.executable)
    assert examine({"here": marked}, {"here": HERE}) == []


def test_no_python(needs, shadow, tmp_path):
    asking = replace(needs, packages=("numpy",), python="python-that-is-not-there")
    (finding,) = examine({"here": asking}, {"here": HERE})
    assert finding.rule == "packages"
    assert finding.words.startswith("python-that-is-not-there is not in PATH=")


def test_a_python_that_does_not_work_has_its_own_words(needs, shadow):
    shadow("python-old", "echo 'No module named importlib.metadata' >&2; exit 1")
    (finding,) = examine({"here": replace(needs, packages=("x",), python="python-old")}, {"here": HERE})
    assert finding.words == "No module named importlib.metadata"


class Full(LocalHost):
    """A host whose ports are all taken."""

    def run(self, text, *words, **options):
        taken = "echo 'sl local'; for port in $(seq 20000 600 32000); do printf '0: 0:%04X\\n' $port; done"
        return super().run(
            text.replace("cat /proc/net/tcp /proc/net/tcp6", f"{{ {taken}; }}"), *words, **options
        )


def test_a_port_for_the_scheduler(needs):
    dynamic = replace(needs, scheduler=True)
    assert gather(HERE, dynamic).no_port == ""
    (finding,) = examine({"here": dynamic}, {"here": Full("here")})
    assert finding.rule == "port" and "none of the ports tried is free" in finding.words


@pytest.fixture
def held_lock():
    name = f"cpu-{random.randrange(10**6, 10**9)}"
    lock = Path(LOCKS) / name
    Path(LOCKS).mkdir(mode=0o1777, exist_ok=True)
    lock.mkdir()
    for field, text in (("run", "other-20260101-abcdef"), ("since", "0"), ("owner", "ann@desk 1 2 3")):
        (lock / field).write_text(text + "\n")
    yield name
    shutil.rmtree(lock)


def test_a_device_that_another_run_holds(needs, held_lock):
    (finding,) = examine({"here": replace(needs, locks=(held_lock,))}, {"here": HERE})
    assert finding.rule == "devices"
    assert f"{held_lock} is held by run other-20260101-abcdef of ann@desk" in finding.words
    assert finding.remedy == "wait for it, or end it: launcher cancel other-20260101-abcdef"


def cgroup_room(tmp_path, limit: str, usage: str, stat: str) -> str:
    for name, text in (("limit", limit), ("usage", usage), ("stat", stat)):
        (tmp_path / name).write_text(text)
    functions = check_script().split("\npath='' nodes=", 1)[0]
    call = f'{functions}\ncd "{tmp_path}" && room limit usage stat'
    return HERE.run(call, "", "no", "", "0").out


def test_what_a_cgroup_still_gives(tmp_path):
    assert cgroup_room(tmp_path, "1000\n", "400\n", "anon 5\ninactive_file 100\n") == "memory 700\n"
    version_1 = "inactive_file 1\ntotal_inactive_file 100\n"
    assert cgroup_room(tmp_path, "1000\n", "400\n", version_1) == "memory 700\n"
    assert cgroup_room(tmp_path, "max\n", "400\n", "") == ""


def test_the_least_memory_counts():
    base = "work_dir /w\nrefusal \nfile_system ext4\ndisk 1\ncores 1\nuid 0\nuser root\n"
    assert parse_facts(base + "memory 900\nmemory 300\nmemory 800\n").memory == 300
    assert parse_facts(base + "memory 900\nmemory -20\n").memory == 0


@pytest.fixture
def spec(tmp_path):
    def read(cluster=None, **job):
        cluster = {
            "schema": 1,
            "name": "c",
            "device": "cpu",
            "runtime": "process",
            "devices": "0-7",
            "work_dir": str(tmp_path),
            "hosts": [{"address": "localhost"}],
            **(cluster or {}),
        }
        job = {"schema": 1, "name": "j", "ranks": 1, "launch": "none", "command": ["true"], **job}
        for name, value in (("c.yaml", cluster), ("j.yaml", job)):
            (tmp_path / name).write_text(yaml.safe_dump(value))
        return load(tmp_path / "c.yaml", tmp_path / "j.yaml", environ={"HOME": "/"})

    return read


def test_before_a_run_errors_are_raised_and_warnings_returned(spec):
    hosts = {"localhost": LocalHost()}
    good = spec()
    assert check_hosts(good, plan(good), hosts) == []
    crowded = spec(ranks=8)
    if len(os.sched_getaffinity(0)) < 8:
        (warning,) = check_hosts(crowded, plan(crowded), hosts)
        assert warning.level is Level.WARNING
    bad = spec(needs={"disk": "1000000TB", "memory_per_rank": "1000TB"})
    with pytest.raises(CheckFailed) as raised:
        check_hosts(bad, plan(bad), hosts)
    assert str(raised.value).startswith("2 checks failed\n") and str(raised.value).count("remedy: ") == 2


def test_held_devices_are_left_to_the_lock_phase(spec, held_lock):
    good = spec(cluster={"devices": held_lock.removeprefix("cpu-")})
    (finding,) = examine(of_job(good, plan(good)), {"localhost": LocalHost()})
    assert finding.rule == "devices"
    assert check_hosts(good, plan(good), {"localhost": LocalHost()}) == []


def test_the_code_must_be_a_directory_here(spec, tmp_path):
    assert examine_here(spec()) == []
    assert examine_here(spec(volumes={"code": {"source": str(tmp_path)}})) == []
    (finding,) = examine_here(spec(volumes={"code": {"source": str(tmp_path / "nowhere")}}))
    assert finding.host == "this machine" and "nowhere is not a directory" in finding.words
    json.dumps(finding.to_json())


def test_a_file_system_of_a_kind_that_stat_does_not_know(needs, shadow):
    shadow("stat", "echo '400 4096 UNKNOWN (0x5346414f)'")
    facts = gather(HERE, needs)
    assert (facts.disk, facts.file_system) == (400 * 4096, "UNKNOWN (0x5346414f)")


def test_what_can_make_no_run_fail_is_not_asked_before_one(needs, shadow, tmp_path):
    """What is waited for in every run starts few programs."""
    for name in ("getenforce", "sshd", "uname", "sed", "awk", "df", "tail", "head"):
        shadow(name, f"echo {name} >>{tmp_path}/called")
    facts = gather(HERE, before_a_run(needs))
    assert not (tmp_path / "called").exists()
    assert (facts.startups, facts.machine, facts.selinux_context) == (None, "", "")
    assert facts.uid == os.getuid() and facts.user == getpass.getuser()


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2")
def test_whether_an_address_is_the_hosts_own(needs):
    facts = gather(HERE, replace(needs, host_ip="127.0.0.1", ifname="lo"))
    assert facts.other_addresses is None and "lo" in facts.interfaces
    assert gather(HERE, replace(needs, host_ip="192.0.2.250")).other_addresses is not None
    assert gather(HERE, replace(needs, host_ip="2001:db8::250")).other_addresses is not None


def test_a_host_without_the_tool_for_addresses_cannot_tell(needs, shadow):
    shadow("ip", "exit 127")
    assert gather(HERE, replace(needs, host_ip="192.0.2.250")).other_addresses is None


def test_whom_selinux_confines(needs, shadow):
    shadow(
        "id",
        "echo 'uid=7(ann) gid=7(domain users) groups=7(domain users) context=staff_u:staff_r:staff_t:s0'",
    )
    shadow("getenforce", "echo Enforcing")
    facts = gather(HERE, needs)
    assert (facts.uid, facts.user) == (7, "ann")
    assert (facts.selinux, facts.selinux_context) == ("Enforcing", "staff_u:staff_r:staff_t:s0")


def test_a_path_with_any_character(needs, tmp_path):
    name = str(tmp_path / "a\nb\u2028c\x0bd")
    assert gather(HERE, replace(needs, work_dir=name)).work_dir == name.replace("\n", " ")
