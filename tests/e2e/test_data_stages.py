"""Stages that make data, as jobs of the launcher on two ranks that share what there is to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinybert.extract import main as extract
from tinybert.pretraining_data import main as pretraining_data
from tinybert.records.tfrecord import decode_example, read_records

from tests.e2e.conftest import LocalPlace

HEAD = """<mediawiki xml:lang="en">
  <siteinfo>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <namespaces>
      <namespace key="10" case="first-letter">Template</namespace>
    </namespaces>
  </siteinfo>
"""
PAGE = """  <page>
    <title>Page {0}</title>
    <ns>0</ns>
    <id>{0}</id>
    <revision>
      <text>'''Page''' {0} is [[here]]. It is short.</text>
    </revision>
  </page>
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "dumps" / "small.xml"
    path.parent.mkdir()
    path.write_text(HEAD + "".join(map(PAGE.format, range(1, 41))) + "</mediawiki>\n")
    return path


def logs(place: LocalPlace) -> list[str]:
    """What each rank of the only run has printed."""
    (run,) = place.runs()
    return [(place.path / "runs" / run / f"LOG{rank}" / "log.txt").read_text("utf-8") for rank in range(2)]


def test_two_ranks_extract_a_dump(place: LocalPlace, dump: Path):
    out, alone = place.path / "text", place.path / "alone"
    volumes = (f"volumes.dumps.source={dump.parent}", f"volumes.output.source={out}")
    parameters = ("script.parameters.dump=small.xml", "script.parameters.split_bytes=1000")
    place.run_well("extract", "ranks=2", "needs.disk=1MB", *volumes, *parameters)
    assert extract(["--dump", str(dump), "--out", str(alone), "--split-bytes", "1000"]) == 0
    made = {path.name: path.read_bytes() for path in out.glob("part-*.txt")}
    assert len(made) > 4
    assert made == {path.name: path.read_bytes() for path in alone.glob("part-*.txt")}
    assert json.loads((out / "manifest.json").read_text())["counts"]["documents"] == 40
    first, second = logs(place)
    assert "rank 0 of 2" in first and "rank 1 of 2" in second
    assert ("part-00000-of" in first, "part-00001-of" in first) == (True, False)
    assert ("part-00000-of" in second, "part-00001-of" in second) == (False, True)
    assert (first + second).count("small.xml through") == 1


def test_two_ranks_make_records_of_a_task(place: LocalPlace):
    data, out, vocab = place.path / "SST-2", place.path / "records", place.path / "vocab.txt"
    data.mkdir()
    for split in ("train", "dev"):
        (data / f"{split}.tsv").write_text("sentence\tlabel\ngood film\t1\nbad\t0\n")
    vocab.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\n")
    sources = {"data": data, "vocabulary": vocab, "output": out}
    volumes = [f"volumes.{name}.source={source}" for name, source in sources.items()]
    place.run_well("glue", "ranks=2", "needs.disk=1MB", "script.parameters.max_seq_length=6", *volumes)
    for split in ("train", "dev"):
        records = [decode_example(record) for record in read_records(out / f"{split}.tfrecord")]
        assert [record["input_ids"] for record in records] == [[2, 5, 7, 3, 0, 0], [2, 6, 3, 0, 0, 0]]
        assert [record["label_ids"] for record in records] == [[1], [0]]
    first, second = logs(place)
    assert "train.tfrecord: 2 records" in first and "dev.tfrecord: 2 records" in second


def test_two_ranks_make_pretraining_data(place: LocalPlace):
    text, out, alone, vocab = (place.path / name for name in ("text", "records", "alone", "vocab.txt"))
    text.mkdir()
    for number in range(2):
        document = "a b c.\nb b a.\nc a.\n\n" * 30_000
        (text / f"part-{number}.txt").write_text(document)
    vocab.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\n.\n")
    options = {"max_seq_length": 16, "max_predictions_per_seq": 3, "dupe_factor": 1, "shard_mb": 1}
    parameters = [f"script.parameters.{name}={value}" for name, value in {**options, "workers": 1}.items()]
    sources = {"text": text, "vocabulary": vocab, "output": out}
    volumes = [f"volumes.{name}.source={source}" for name, source in sources.items()]
    place.run_well("pretraining-data", "ranks=2", "needs.disk=1MB", *parameters, *volumes)
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    given += [f"--corpus={text}/*.txt", f"--vocab={vocab}", f"--out={alone}", "--stream", "--workers=1"]
    assert pretraining_data(given) == 0
    made = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(made) == [
        ".lock",
        "manifest.json",
        *(f"part-0000{shard}-of-00002.tfrecord" for shard in range(2)),
    ]
    assert made == {path.name: path.read_bytes() for path in alone.iterdir()}
    first, second = logs(place)
    assert "shard 0: " in first and "shard 1: " not in first
    assert "shard 1: " in second and "shard 0: " not in second
