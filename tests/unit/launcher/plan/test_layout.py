from pathlib import PurePosixPath

from launcher.plan.layout import Layout, host_script, log_name, rank_script
from tests.hostile import HOSTILE


def test_paths_of_an_attempt():
    place = Layout("/data/", "run-1", "2")

    assert place.run_dir == "/data/runs/run-1"
    assert place.lease == "/data/runs/run-1/lease"
    assert place.checkpoints == "/data/runs/run-1/ckpt"
    assert place.attempt_dir == "/data/runs/run-1/attempt-2"
    assert place.state == "/data/runs/run-1/attempt-2/state"
    assert place.rank_table == "/data/runs/run-1/attempt-2/rank_table.json"
    assert place.log("7") == "/data/runs/run-1/attempt-2/LOG7"
    assert place.code("c0de") == "/data/code/c0de"


def test_names_of_members():
    assert [log_name(key) for key in ("0", "scheduler")] == ["LOG0", "LOG_SCHED"]
    assert [rank_script(key) for key in ("12", "scheduler")] == ["scripts/rank-12.sh", "scripts/scheduler.sh"]


def test_a_host_script_of_any_label_is_one_file_of_the_directory():
    labels = [*HOSTILE, "..", "a/../../b", "me@h:22", "x" * 5001]

    names = [host_script(label) for label in labels]

    assert len(set(names)) == len(labels)
    for name in names:
        assert PurePosixPath(name).parent == PurePosixPath("scripts")
        assert ".." not in PurePosixPath(name).parts
        assert len(PurePosixPath(name).name.encode()) <= 255
        assert name.isascii()
    assert host_script("node1.lab") == "scripts/host-node1.lab.sh"
    assert host_script("me@h") == "scripts/host-me@h.sh"
