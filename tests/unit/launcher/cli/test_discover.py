"""`launcher discover` and `launcher init`: what they print, ask, write and return. Hosts are made up."""

from __future__ import annotations

import json
import stat

import pytest
import yaml
from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.errors import UsageError
from launcher.hosts import HostError
from launcher.spec.load import load_cluster
from tests.unit.launcher.discover.hosts import facts, interface

FILE = "schema: 1\nname: lab\ndevice: ascend910b\nhosts:\n  - address: a   # first\n  - address: b\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command whose hosts say these facts; `answers` makes it believe that it has a terminal."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words, answers: str | None = None, **hosts):
        monkeypatch.setattr(
            "launcher.discover.gather.gather",
            lambda draft, labels: {
                label: hosts[label]
                for label in (host.label for host in draft.cluster.hosts)
                if label in labels
            },
        )
        for module in ("discover", "init"):
            monkeypatch.setattr(f"launcher.cli.{module}.is_terminal", lambda: answers is not None)
        done = CliRunner().invoke(app, [*words, "-c", "lab.yaml"], input=answers)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    invoke.file = tmp_path / "lab.yaml"
    return invoke


BOTH = {"a": facts(1), "b": facts(2)}


def test_asked_on_a_terminal(run):
    run.file.write_text(FILE)
    run.file.chmod(0o640)
    no = run("discover", answers="n\n", **BOTH)
    assert no.exit_code == 0 and run.file.read_text() == FILE and "write this into lab.yaml?" in no.stderr
    yes = run("discover", answers="y\n", **BOTH)
    assert yes.exit_code == 0 and "lab.yaml is written" in yes.stderr
    assert "address: a   # first\n    host_ip: 192.0.2.1\n" in run.file.read_text()
    assert stat.S_IMODE(run.file.stat().st_mode) == 0o640
    again = run("discover", answers="", **BOTH)
    assert again.exit_code == 0 and "no changes" in again.stderr and "---" not in again.stdout


def test_without_a_terminal_it_needs_yes(run):
    run.file.write_text(FILE)
    done = run("discover", **BOTH)
    assert done.exit_code == 2 and "--yes writes it" in done.stderr and run.file.read_text() == FILE
    assert run("discover", "--write", **BOTH).exit_code == 0 and run.file.read_text() != FILE


def test_a_symbolic_link_stays_one(run):
    real = run.file.with_name("real.yaml")
    real.write_text(FILE)
    run.file.symlink_to(real)
    assert run("discover", "-y", **BOTH).exit_code == 0
    assert run.file.is_symlink() and "host_ip" in real.read_text()


def test_a_file_that_was_changed_meanwhile_is_left_alone(run, monkeypatch):
    run.file.write_text(FILE)

    def edit_and_agree(*words, **more):
        run.file.write_text(FILE + "# new\n")
        return True

    monkeypatch.setattr("typer.confirm", edit_and_agree)
    with pytest.raises(UsageError, match="changed meanwhile"):
        run("discover", answers="", **BOTH)
    assert run.file.read_text() == FILE + "# new\n"


def test_failures_are_named_and_json_has_it_all(run):
    run.file.write_text(FILE)
    failed = HostError("host b: no route", hint="plug it in")
    done = run("discover", "--yes", "--json", a=facts(1), b=failed)
    assert done.exit_code == 3 and "error: host b: no route\n  next: plug it in" in done.stderr
    said = json.loads(done.stdout)
    assert set(said["hosts"]) == {"a"} and said["problems"] == ["host b: no route"] and said["written"]
    assert {change["key"] for change in said["changes"] if change["host"] == "a"} >= {"host_ip", "device_ips"}
    assert said["diff"].startswith("--- lab.yaml\n+++ lab.yaml\n")


def test_one_host_only(run):
    run.file.write_text(FILE)
    assert run("discover", "--host", "b", "-y", **BOTH).exit_code == 0
    assert "address: a   # first\n  - address: b\n    host_ip: 192.0.2.2\n" in run.file.read_text()
    with pytest.raises(UsageError, match="no such host"):
        run("discover", "--host", "z", **BOTH)


def test_several_networks_are_asked_about(run):
    run.file.write_text(FILE)
    hosts = {
        label: facts(n, interfaces=(interface(f"eth0 192.0.2.{n}/24"), interface(f"ib0 10.0.0.{n}/16")))
        for n, label in enumerate("ab", 1)
    }
    done = run("discover", answers="9\n2\ny\n", **hosts)
    assert done.exit_code == 0 and "1  10.0.0.0/16  (ib0)" in done.stderr
    hosts_now = yaml.safe_load(run.file.read_text())["hosts"]
    assert [host["host_ip"] for host in hosts_now] == ["192.0.2.1", "192.0.2.2"]
    with pytest.raises(UsageError, match="--network"):
        run("discover", "--network", "10.0.0.1/16", **hosts)


def test_init_makes_a_file_that_can_be_loaded(run):
    done = run("init", "a", "b", **BOTH)
    assert done.exit_code == 0 and run.file.read_text() in done.stdout
    cluster = load_cluster(run.file, environ={})
    assert (cluster.name, cluster.device.value, cluster.devices) == ("lab", "ascend910b", tuple(range(8)))
    with pytest.raises(UsageError, match="is there already"):
        run("init", "a", **BOTH)


def test_init_asks_for_addresses_and_kinds(run):
    odd = {"a": facts(1, name="Ascend910")}
    done = run("init", answers="a\n2\n", **odd)
    assert done.exit_code == 0, done.stderr
    assert load_cluster(run.file, environ={}).device.value == "ascend910b"
    run.file.unlink()
    with pytest.raises(UsageError, match="the device kind is not known: npu-smi says Ascend910"):
        run("init", "a", **odd)
    with pytest.raises(UsageError, match="no device kind"):
        run("init", "a", "--device", "gpu", **odd)
    assert run("init", "a", "--device", "ascend910", **odd).exit_code == 0
    run.file.unlink()
    with pytest.raises(UsageError, match="no address given"):
        run("init", "-y", answers="", **odd)
    assert not run.file.exists()


def test_init_on_cpu_hosts(run):
    bare = {"devices": (), "device_ips": {}}
    with_docker = {"a": facts(1, **bare), "b": facts(2, **bare)}
    assert run("init", "a", "b", **with_docker).exit_code == 0
    made = load_cluster(run.file, environ={})
    assert (made.device.value, made.runtime.value, made.hosts[1].host_ip) == ("cpu", "docker", "192.0.2.2")
    run.file.unlink()
    without = {"a": facts(1, **bare), "b": facts(2, docker="", docker_refusal="none", **bare)}
    assert run("init", "a", "b", **without).exit_code == 0
    assert load_cluster(run.file, environ={}).runtime.value == "process"


def test_init_when_hosts_fail(run):
    failed = HostError("host b: no route")
    done = run("init", "a", "b", a=facts(1), b=failed)
    assert done.exit_code == 3 and "error: host b: no route" in done.stderr
    assert [host.host_ip for host in load_cluster(run.file, environ={}).hosts] == ["192.0.2.1", None]
    run.file.unlink()
    with pytest.raises(Exception, match="no host has answered") as raised:
        run("init", "b", b=failed)
    assert raised.value.exit_code == 3 and not run.file.exists()


def test_init_of_this_machine_asks_it_itself(tmp_path):
    file = tmp_path / "new" / "here.yaml"
    done = CliRunner().invoke(app, ["init", "localhost", "-c", str(file), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["text"] == file.read_text()
    made = load_cluster(file, environ={})
    assert (made.name, made.device.value, made.runtime.value) == ("here", "cpu", "process")
