from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinybert.pretraining_data import main
from tinybert.records.tfrecord import decode_example, read_records
from tinybert.stages.stage import run_stage
from tinybert.text.tokenization import SPECIAL_TOKENS

pytestmark = pytest.mark.usefixtures("kernels")

SHARED = Path(__file__).parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the sample data in {SHARED}")

TEXT = "".join(f"a b{number} c.\nb c d, a.\nd\n\n" for number in range(12))
WORDS = ["a", "b", "c", "d", ".", ",", "##1", "##0"]


@pytest.fixture
def given(tmp_path):
    """Arguments for a small corpus; the files are there."""
    (tmp_path / "corpus.txt").write_text(TEXT)
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *WORDS]))
    return [
        "--corpus",
        str(tmp_path / "corpus.txt"),
        "--vocab",
        str(tmp_path / "vocab.txt"),
        "--out",
        str(tmp_path / "out"),
        "--max-seq-length",
        "16",
        "--shards",
        "2",
    ]


def run(*arguments):
    return run_stage(lambda: main(list(map(str, arguments))))


def manifest_of(directory):
    return json.loads((directory / "manifest.json").read_text())


def records(directory):
    """All records in the order before they were dealt out to the shards."""
    shards = [list(read_records(directory / file["name"])) for file in manifest_of(directory)["files"]]
    dealt = [shards[at % len(shards)][at // len(shards)] for at in range(sum(map(len, shards)))]
    return [decode_example(record) for record in dealt]


@real_data
@pytest.mark.parametrize(("casing", "flags"), [("uncased", []), ("cased", ["--cased"])])
def test_records_are_those_of_the_reference(tmp_path, casing, flags):
    golden = SHARED / "golden" / f"enwiki_10docs.{casing}.seed12345.dupe2.tfrecord"
    corpus, vocabulary = SHARED / "golden" / "enwiki_10docs.txt", SHARED / "bert" / f"vocab_{casing}.txt"
    out = tmp_path / "out"
    assert (
        run(
            "--corpus", corpus, "--vocab", vocabulary, "--out", out, "--dupe-factor", 2, "--shards", 3, *flags
        )
        == 0
    )
    assert records(out) == [decode_example(record) for record in read_records(golden)]


def test_manifest(tmp_path, given, capsys):
    assert run(*given) == 0
    manifest = manifest_of(tmp_path / "out")
    assert manifest["kind"] == "pretraining"
    assert (
        manifest["instances"]
        == sum(file["instances"] for file in manifest["files"])
        == len(records(tmp_path / "out"))
    )
    assert (manifest["max_seq_length"], manifest["max_predictions_per_seq"], manifest["vocab_size"]) == (
        16,
        20,
        13,
    )
    assert manifest["arguments"]["seed"] == 12345
    assert manifest["counts"]["documents"] == 12
    assert manifest["counts"]["sentences"] == 36
    said = capsys.readouterr().err
    assert "read 12 documents, 36 sentences" in said
    assert f"{manifest['instances']} instances of 12 documents" in said


def test_second_run_reuses_and_says_so(tmp_path, given, capsys):
    assert run(*given) == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert run(*given) == 0
    assert "out is up to date" in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("changed", ["corpus.txt", "vocab.txt", "--seed"])
def test_changed_input_or_argument_is_worked_out_anew(tmp_path, given, capsys, changed):
    assert run(*given) == 0
    if changed == "--seed":
        given = [*given, "--seed", "1"]
    else:
        (tmp_path / changed).write_text((tmp_path / changed).read_text() + "\nd\n")
    before = manifest_of(tmp_path / "out")
    assert run(*given) == 0
    assert "up to date" not in capsys.readouterr().err
    assert manifest_of(tmp_path / "out") != before


def test_two_runs_give_equal_bytes(tmp_path, given):
    assert run(*given) == 0
    at = given.index("--out") + 1
    assert run(*given[:at], tmp_path / "again", *given[at + 1 :]) == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_probability_0_masks_nothing(tmp_path, given):
    assert run(*given, "--masked-lm-prob", 0) == 0
    assert {sum(record["masked_lm_weights"]) for record in records(tmp_path / "out")} == {0.0}
    assert not any(4 in record["input_ids"] for record in records(tmp_path / "out"))


def test_unknown_tokens_are_counted_and_warned_of(given, capsys):
    assert run(*given) == 0
    assert "[UNK]: is this the vocabulary for this corpus?" in capsys.readouterr().err  # b2 ... b11


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-seq-length", "4", "4 is below 5"),
        ("--masked-lm-prob", "1.5", "not between 0 and 1"),
        ("--masked-lm-prob", "nan", "not between 0 and 1"),
        ("--short-seq-prob", "x", "'x' is not a number"),
        ("--dupe-factor", "0", "0 is below 1"),
        ("--shards", "two", "'two' is not an integer"),
    ],
)
def test_wrong_option_is_a_usage_error(given, capsys, option, value, message):
    with pytest.raises(SystemExit) as exited:
        run(*given, option, value)
    assert exited.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.txt", b"", "corpus.txt is empty"),
        ("corpus.txt", b"\n\n", "the corpus holds no text"),
        ("corpus.txt", b"a\n\xe9\n", "corpus.txt:2: not UTF-8"),
        ("corpus.txt", b"a\n", "give a larger corpus or fewer --shards"),
        ("vocab.txt", b"a\nb\n", "not a BERT vocabulary"),
    ],
)
def test_input_that_cannot_be_used(tmp_path, given, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert run(*given, "--dupe-factor", 1) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "value"), [("RANK_SIZE", "8"), ("MS_ROLE", "MS_SCHED")])
def test_several_ranks_and_their_scheduler_are_refused(given, capsys, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert run(*given) == 2
    assert "a single task" in capsys.readouterr().err
