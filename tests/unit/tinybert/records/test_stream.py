"""Parts of a corpus, made by any number of workers and ranks."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tinybert.pretraining_data import main
from tinybert.records.encoding import RecordWriter
from tinybert.records.instances import InstanceOptions, make_instances
from tinybert.records.shards import publish
from tinybert.records.stream import finish, seed_of
from tinybert.stages.artifacts import read_json
from tinybert.stages.stage import run_stage
from tinybert.text import shards as text_shards
from tinybert.text.flat_corpus import CorpusReader
from tinybert.text.shards import TextShards
from tinybert.text.tokenization import SPECIAL_TOKENS, load_vocabulary

pytestmark = pytest.mark.usefixtures("kernels")

WORDS = ["a", "b", "c", "##a", "##b", "é", "."]


def write_corpus(directory, files=3):
    rng = random.Random(1)
    paths = []
    for number in range(files):
        lines = ["".join(rng.choices("abcé. ", k=40)).strip() or "a" for _ in range(900)]
        for at in range(7, 900, 9):
            lines[at] = rng.choice(["", " \r", "\u3000"])
        paths.append(directory / f"{number}.txt")
        paths[-1].write_bytes("\n".join(lines).encode())
    return paths


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Arguments for a corpus of several parts of 16 kB."""
    monkeypatch.setattr("tinybert.pretraining_data._MEGABYTE", 16_000)
    write_corpus(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *WORDS]))
    return [
        f"--corpus={tmp_path}/?.txt",
        f"--vocab={tmp_path}/vocab.txt",
        "--stream",
        "--shard-mb=1",
        "--max-seq-length=32",
        "--max-predictions-per-seq=5",
    ]


def run(given, out, *more):
    return run_stage(lambda: main([*given, f"--out={out}", *more]))


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_shard_is_the_exact_run_of_its_part(tmp_path, given):
    assert run(given, tmp_path / "out") == 0
    vocabulary = load_vocabulary(tmp_path / "vocab.txt")
    how = InstanceOptions(32, 5, 0.15, 0.1, 5, False)
    blocks = TextShards(sorted(tmp_path.glob("?.txt")), 16_000).blocks(3)
    corpus, _ = CorpusReader(vocabulary, True).read(blocks)
    instances, order = make_instances(corpus, vocabulary, how, seed_of(12345, 3))
    with (tmp_path / "shard").open("wb") as file:
        RecordWriter(corpus, instances, vocabulary, how).write(file, order)
    assert (tmp_path / "shard").read_bytes() == content(tmp_path / "out")["part-00003-of-00008.tfrecord"]


def test_output_does_not_depend_on_workers_and_ranks(tmp_path, given, monkeypatch, capsys):
    assert run(given, tmp_path / "one", "--workers=1") == 0
    assert run(given, tmp_path / "three", "--workers=3") == 0
    monkeypatch.setenv("RANK_SIZE", "2")
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK_ID", rank)
        assert run(given, tmp_path / "ranks") == 0
        if rank == "1":
            said = capsys.readouterr().err
            assert "this rank has finished" in said
            assert f"warning: rank 0 left no trace in {tmp_path / 'ranks'}" in said
            assert not (tmp_path / "ranks" / "manifest.json").exists()
    assert content(tmp_path / "one") == content(tmp_path / "three") == content(tmp_path / "ranks")
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["instances"] == sum(file["instances"] for file in manifest["files"]) > 1000
    assert manifest["counts"]["documents"] == 301


def test_finished_shards_are_not_made_again(tmp_path, given, monkeypatch, capsys):
    monkeypatch.setenv("RANK_SIZE", "2")
    assert run(given, tmp_path / "out") == 0
    (staging,) = (tmp_path / "out").glob(".unfinished-*")
    (staging / "part-00002-of-00008.json").unlink()  # as killed between the shard and its note
    (staging / "part-00004-of-00008.tfrecord").write_bytes(b"cut")
    before = (staging / "part-00000-of-00008.tfrecord").stat().st_mtime_ns
    monkeypatch.delenv("RANK_SIZE")
    assert run(given, tmp_path / "out") == 0
    assert "8 of 8 shards are for this rank, 2 are finished" in capsys.readouterr().err
    assert (tmp_path / "out" / "part-00000-of-00008.tfrecord").stat().st_mtime_ns == before
    assert run(given, tmp_path / "again") == 0
    assert content(tmp_path / "out") == content(tmp_path / "again")
    assert run(given, tmp_path / "out") == 0
    assert "out is up to date" in capsys.readouterr().err


def change_a_letter(path):
    text = path.read_bytes()
    path.write_bytes(text.replace(b"a", b"b", 1))


def test_changed_text_of_equal_size_is_made_again(tmp_path, given, monkeypatch, capsys):
    """When all was finished, and when only a part was: only what has changed."""
    assert run(given, tmp_path / "out") == 0
    before = content(tmp_path / "out")
    change_a_letter(tmp_path / "0.txt")
    monkeypatch.setenv("RANK_SIZE", "2")
    assert run(given, tmp_path / "out") == 0  # shards 0, 2, 4, 6
    assert not (tmp_path / "out" / "manifest.json").exists()
    change_a_letter(tmp_path / "0.txt")
    monkeypatch.delenv("RANK_SIZE")
    capsys.readouterr()
    assert run(given, tmp_path / "out") == 0
    assert "8 of 8 shards are for this rank, 3 are finished" in capsys.readouterr().err
    after = content(tmp_path / "out")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"part-00000-of-00008.tfrecord", "manifest.json"}


def test_a_rank_that_comes_when_all_is_published_does_nothing(tmp_path, given, monkeypatch):
    """It has looked for a manifest before, as ranks do that begin together after a kill."""
    assert run(given, tmp_path / "out") == 0
    before = content(tmp_path / "out")
    monkeypatch.setattr("tinybert.pretraining_data.manifest_of_text", lambda *_: None)
    monkeypatch.setattr("tinybert.records.stream._results", lambda *_: pytest.fail("it makes shards"))
    assert run(given, tmp_path / "out") == 0
    assert content(tmp_path / "out") == before


def test_killed_while_publishing_nothing_is_made_again(tmp_path, given, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def killed(*_):
            raise KeyboardInterrupt

        patch.setattr("tinybert.records.shards.write_json", killed)
        run(given, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert run(given, tmp_path / "out") == 0
    assert "8 are finished" in capsys.readouterr().err
    assert run(given, tmp_path / "again") == 0
    assert content(tmp_path / "out") == content(tmp_path / "again")


def run_rank(given, out, rank):
    os.environ.update(RANK_ID=str(rank), RANK_SIZE="2")
    sys.exit(run(given, out, "--workers=1"))


def test_ranks_that_finish_together(tmp_path, given, monkeypatch):
    """One publishes while the other waits for the lock, as ranks do that begin again when all is made."""
    out = tmp_path / "out"
    fork = multiprocessing.get_context("fork")
    both, waiting = fork.Barrier(2), fork.Event()

    def finish_together(*arguments):
        waiting.clear()
        both.wait(60)
        return finish(*arguments)

    def publish_slowly(*arguments):
        assert waiting.wait(60)
        publish(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("tinybert.pretraining_data.finish", finish_together)
        patch.setattr("tinybert.records.stream.publish", publish_slowly)
        patch.setattr("tinybert.stages.share.say", lambda _message: waiting.set())
        ranks = [fork.Process(target=run_rank, args=(given, out, rank)) for rank in range(2)]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0]
    assert run(given, tmp_path / "alone") == 0
    assert content(out) == content(tmp_path / "alone")


def test_the_lock_stays(tmp_path, given):
    """A rank that waits for it and one that comes later hold the same file."""
    assert run(given, tmp_path / "out") == 0
    before = (tmp_path / "out" / ".lock").stat().st_ino
    change_a_letter(tmp_path / "0.txt")
    assert run(given, tmp_path / "out") == 0
    assert (tmp_path / "out" / ".lock").stat().st_ino == before


def test_bad_input_of_a_worker_is_named(tmp_path, given, capsys):
    text = (tmp_path / "1.txt").read_bytes()
    lines = text.split(b"\n")
    lines[600] += b"\xe9"
    (tmp_path / "1.txt").write_bytes(b"\n".join(lines))
    assert run(given, tmp_path / "out") == 2
    assert "1.txt:601: not UTF-8" in capsys.readouterr().err


def test_a_full_disk_of_a_worker_is_named(tmp_path, given, monkeypatch, capsys):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tinybert.records.stream.written_by_rename", fail)
        assert run(given, tmp_path / "out") == 2
    assert "tfrecord: No space left on device; what is finished stays" in capsys.readouterr().err
    assert run(given, tmp_path / "out") == 0


def test_corpus_without_text(tmp_path, given, capsys):
    for path in tmp_path.glob("?.txt"):
        path.write_text("\n\n")
    assert run(given, tmp_path / "out") == 2
    assert "no text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("RANK_ID", "1", "RANK_ID is 1, but RANK_SIZE is 1"), ("MS_ROLE", "MS_SCHED", "launch: none")],
)
def test_ranks_that_cannot_be(tmp_path, given, monkeypatch, capsys, name, value, message):
    monkeypatch.setenv(name, value)
    assert run(given, tmp_path / "out") == 2
    assert message in capsys.readouterr().err


def test_killed_at_any_moment_it_goes_on(tmp_path):
    write_corpus(tmp_path, files=9)
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *WORDS]))
    code = "import sys; from tinybert import pretraining_data as p; p._MEGABYTE = 4000; sys.exit(p.main())"
    words = [sys.executable, "-c", code, f"--corpus={tmp_path}/?.txt", f"--vocab={tmp_path}/vocab.txt"]
    words += ["--stream", "--shard-mb=1", f"--out={tmp_path}/out", "--workers=2"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MS_", "RANK_"))}
    environment = {**kept, "PYTHONPATH": str(Path(text_shards.__file__).parents[2])}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    assert any("; 5 of" in line for line in process.stderr)
    process.kill()
    process.communicate()
    finished = len(list(tmp_path.glob("out/.unfinished-*/*.json")))
    assert finished >= 5
    again = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert int(re.search(r"(\d+) are finished", again.stderr)[1]) >= finished
    assert read_json(tmp_path / "out" / "manifest.json")["counts"]["documents"] == 901
    assert [path.name for path in (tmp_path / "out").glob(".*")] == [".lock"]
