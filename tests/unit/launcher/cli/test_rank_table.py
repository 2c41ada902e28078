"""`launcher rank-table render|check|convert`."""

import json

import pytest
from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.errors import ExitCode, SpecError, UsageError
from launcher.rank_table import check
from tests.golden_files import GOLDEN

CLUSTER = """\
schema: 1
name: lab
device: ascend910b
devices: 0-7
hosts:
  - {address: b, host_ip: 192.0.2.2}
"""
JOB = """\
schema: 1
name: work
ranks: 2
command: ["true"]
image: image:1
"""


@pytest.fixture
def rank_table(tmp_path, monkeypatch):
    """Run a command of the group in a directory with small files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CLUSTER, "utf-8")
    (tmp_path / "j.yaml").write_text(JOB, "utf-8")

    def run(*words):
        done = CliRunner().invoke(app, ["rank-table", *map(str, words)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_render_gives_every_device_of_the_cluster_a_rank(rank_table):
    table = json.loads(rank_table("render", "-c", "c.yaml").stdout)

    (server,) = table["server_list"]
    assert [device["rank_id"] for device in server["device"]] == list("01234567")


def test_render_of_a_job_has_its_ranks_alone(rank_table):
    table = json.loads(rank_table("render", "j.yaml", "-c", "c.yaml", "--set", "ranks=3").stdout)

    assert len(table["server_list"][0]["device"]) == 3


def test_render_into_a_file(rank_table, tmp_path):
    done = rank_table("render", "-c", "c.yaml", "--set", "cluster.devices=4-5", "-o", "table.json")

    assert (done.stdout, done.stderr) == ("", "written: table.json\n")
    table = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert [device["device_id"] for device in table["server_list"][0]["device"]] == ["4", "5"]


def test_render_refuses_what_hccl_would(rank_table, tmp_path):
    (tmp_path / "c.yaml").write_text(CLUSTER + "  - {address: c, host_ip: 192.0.2.3}\n", "utf-8")

    with pytest.raises(SpecError, match=r"error\[device-ip"):
        rank_table("render", "-c", "c.yaml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "cluster.device=cpu"], "the device of cluster lab is cpu"),
        (["j.yaml", "--set", "launch=dynamic"], "ranks of job work on cluster lab meet by `launch: dynamic`"),
    ],
)
def test_render_where_there_is_no_table(rank_table, words, message):
    with pytest.raises(UsageError, match=message) as caught:
        rank_table("render", "-c", "c.yaml", *words)
    assert caught.value.hint


def test_check_of_a_good_table(rank_table):
    done = rank_table("check", GOLDEN / "rank_table/two_servers.json", "--chip", "ascend910")

    assert done.exit_code == ExitCode.OK
    assert done.stdout.endswith("two_servers.json: nothing is wrong\n")


def test_check_of_a_bad_table_lists_findings_and_exits_2(rank_table, tmp_path):
    text = (
        (GOLDEN / "rank_table/one_server.json").read_text("utf-8").replace('"rank_id": "7"', '"rank_id": "9"')
    )
    (tmp_path / "bad.json").write_text(text, "utf-8")

    done = rank_table("check", "bad.json")

    assert done.exit_code == ExitCode.USAGE
    assert done.stdout.splitlines() == [str(each) for each in check(text, chip=None, source="bad.json")]
    assert done.stdout.startswith("bad.json:")


def test_check_as_json(rank_table, tmp_path):
    (tmp_path / "bad.json").write_text("{", "utf-8")

    done = rank_table("check", "bad.json", "--json")

    assert done.exit_code == ExitCode.USAGE
    (finding,) = json.loads(done.stdout)
    assert (finding["rule"], finding["severity"], finding["source"]) == ("json-syntax", "error", "bad.json")


def test_check_with_warnings_alone_exits_0(rank_table, tmp_path):
    table = json.loads((GOLDEN / "rank_table/one_server.json").read_text("utf-8"))
    del table["server_count"]
    (tmp_path / "t.json").write_text(json.dumps(table), "utf-8")

    done = rank_table("check", "t.json")

    assert "warning[" in done.stdout
    assert done.exit_code == ExitCode.OK


def test_a_chip_brings_its_own_rules(rank_table, tmp_path):
    (tmp_path / "c.yaml").write_text(CLUSTER.replace("0-7", "0-2"), "utf-8")
    rank_table("render", "-c", "c.yaml", "-o", "t.json")

    assert rank_table("check", "t.json", "--chip", "ascend910b").exit_code == ExitCode.OK
    assert rank_table("check", "t.json", "--chip", "ascend910").exit_code == ExitCode.USAGE


@pytest.mark.parametrize("command", ["check", "convert"])
def test_a_file_that_cannot_be_read(rank_table, tmp_path, command):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match=r"absent\.json: No such file"):
        rank_table(command, "absent.json")
    with pytest.raises(UsageError, match=r"binary: not UTF-8 text: .* at byte 0"):
        rank_table(command, "binary")


def test_convert(rank_table):
    done = rank_table("convert", GOLDEN / "rank_table/group_list.json")

    assert done.stdout == (GOLDEN / "rank_table/group_list_converted.json").read_text("utf-8")


def test_convert_with_addresses_into_a_file(rank_table, tmp_path):
    nodes = {"node_a": "192.0.2.1", "node_b": "192.0.2.2"}
    words = [word for name, address in nodes.items() for word in ("--address", f"{name}={address}")]

    rank_table("convert", GOLDEN / "rank_table/group_list.json", *words, "-o", "t.json")

    table = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert [server["server_id"] for server in table["server_list"]] == list(nodes.values())


def test_convert_refuses_what_is_no_such_table(rank_table):
    with pytest.raises(SpecError, match=r"one_server\.json:1:1: error\["):
        rank_table("convert", GOLDEN / "rank_table/one_server.json")


@pytest.mark.parametrize("word", ["node_a", "=1.2.3.4", "node_a="])
def test_an_address_is_a_pair(rank_table, word):
    with pytest.raises(UsageError, match="expected NODE=IP"):
        rank_table("convert", GOLDEN / "rank_table/group_list.json", "--address", word)


def test_a_file_that_cannot_be_written_is_an_error(rank_table):
    with pytest.raises(UsageError, match=r"no/t\.json: No such file"):
        rank_table("render", "-c", "c.yaml", "-o", "no/t.json")
