"""The stage with a model that answers at once; tests/unit/tinybert/test_masked_words.py has the real one."""

from __future__ import annotations

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tinybert.augment
from tinybert.augment import main
from tinybert.glue import main as glue
from tinybert.models.config import ModelConfig
from tinybert.models.weights import write_model
from tinybert.records.tfrecord import decode_example, read_records
from tinybert.stages.stage import run_stage
from tinybert.tasks.tasks import TASKS

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "bad", "film", "show", "##s", "王", '"']
HEADERS = {
    "sst2": "sentence\tlabel",
    "mrpc": "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
    "stsb": "index\tgenre\tsentence1\tsentence2\tscore",
    "mnli": "index\tsentence1_parse\tsentence1\tsentence2\tlabel1\tgold_label",
    "qnli": "index\tquestion\tsentence\tlabel",
    "rte": "index\tsentence1\tsentence2\tlabel",
    "wnli": "index\tsentence1\tsentence2\tlabel",
}
# For each task: a row with {} for its text or texts.
ROWS = {
    "cola": "gj04\t1\t\t{}",
    "sst2": "{}\t1",
    "mrpc": "1\t7\t8\t{}\t{}",
    "qqp": "9\t1\t2\t{}\t{}\t0",
    "stsb": "0\tnews\t{}\t{}\t3.250",
    "mnli": "0\t( a )\t{}\t{}\tneutral\tentailment",
    "qnli": "0\t{}\t{}\tnot_entailment",
    "rte": "0\t{}\t{}\tentailment",
    "wnli": "0\t{}\t{}\t1",
    "tnews": '{{"label": "106", "sentence": "{}", "keywords": "film"}}',
}


class Model:
    """Says "bad" for every masked word. It dies after `most` calls, as kill -9 would end a process."""

    calls = 0
    most = 99

    def __init__(self, teacher, best, device):
        self.best = best

    def guess(self, prompts, report):
        Model.calls += 1
        if Model.calls > Model.most:
            raise KeyboardInterrupt
        return [[TOKENS.index("bad"), TOKENS.index("##s")][: self.best] for _ in prompts]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tinybert.augmentation.masked_words", SimpleNamespace(MaskedWords=Model))
    monkeypatch.setattr(tinybert.augment, "start", lambda rank, seed: None)
    monkeypatch.setattr(Model, "calls", 0)
    monkeypatch.setattr(Model, "most", 99)
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    size = ModelConfig(len(TOKENS), 4, 1, 1, 4, max_position_embeddings=16)
    write_model(tmp_path / "teacher", {"model.safetensors": {"x": np.zeros(1)}}, {"model": size.to_dict()})
    (tmp_path / "data").mkdir()
    return tmp_path


def run(place, task, *more, out="out"):
    words = ["--task", task, "--data", place / "data", "--teacher", place / "teacher"]
    words += ["--vocab", place / "vocab.txt", "--out", place / out, *more]
    return run_stage(lambda: main(list(map(str, words))))


def write(place, name, *lines):
    (place / "data" / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def parts_left(place):
    return sorted(path.name for path in place.glob("out/.unfinished-*/*"))


@pytest.mark.parametrize("task", ROWS)
def test_rows_keep_their_form_and_label(place, task):
    form, header = ROWS[task], [HEADERS[task]] if task in HEADERS else []
    pair = form.count("{}") == 2
    name = f"train{TASKS[task].suffix}"
    write(place, name, *header, form.format("A good film", "film show"))
    assert run(place, task, "--probability", 1) == 0
    expected = [form.format("A good film", "film show"), form.format("a bad bad", "film show")]
    expected += [form.format("A good film", "bad bad")] if pair else []
    assert lines(place / "out" / name) == header + expected
    words = [
        "--task",
        task,
        "--data",
        place / "out",
        "--vocab",
        place / "vocab.txt",
        "--out",
        place / "records",
    ]
    assert glue([*map(str, words), "--max-seq-length", "12"]) == 0
    records = [decode_example(record) for record in read_records(place / "records" / "train.tfrecord")]
    assert len(records) == len(expected)
    assert [record["label_ids"] for record in records] == [records[0]["label_ids"]] * len(expected)
    assert records[1]["input_ids"][:4] == [2, 5, 7, 7]


def test_texts_with_quotes_pass_as_they_are(place):
    write(place, "train.tsv", HEADERS["sst2"], '"good" film\t1')
    assert run(place, "sst2", "--probability", 1) == 0
    assert lines(place / "out" / "train.tsv")[1:] == ['"good" film\t1', '" bad " bad\t1']


def test_chinese_characters_are_words(place):
    write(place, "train.json", '{"label": "106", "sentence": "王good", "keywords": ""}')
    assert run(place, "tnews", "--probability", 1) == 0
    assert json.loads(lines(place / "out" / "train.json")[1]) == {
        "label": "106",
        "sentence": "bad bad",
        "keywords": "",
    }


def test_words_of_several_pieces_need_word_vectors(place):
    write(place, "train.tsv", HEADERS["sst2"], "films\t1")
    (place / "vectors.txt").write_text("films 1 0\nshows 1 0.1\nshow 0 1\n")
    assert run(place, "sst2", "--probability", 1) == 0
    assert lines(place / "out" / "train.tsv")[1:] == ["films\t1"]
    more = ["--probability", 1, "--word-vectors", place / "vectors.txt", "--candidates", 1]
    assert run(place, "sst2", *more, out="by-vectors") == 0
    assert lines(place / "by-vectors" / "train.tsv")[1:] == ["films\t1", "shows\t1"]


def rows(count):
    return [f"good film show a film show {'film ' * (number % 3)}\t{number % 2}" for number in range(count)]


def test_what_stands_beside_the_file(place):
    write(place, "train.tsv", HEADERS["sst2"], *rows(3))
    assert run(place, "sst2", "--seed", 5) == 0
    record = json.loads((place / "out" / "train.tsv.json").read_text())
    made = lines(place / "out" / "train.tsv")
    assert record["counts"] == {
        "rows": 3,
        "masked_words": 5 + 6 + 7,
        "words_by_vectors": 0,
        "words_without_replacement": 0,
        "augmented_rows": len(made) - 1,
    }
    assert record["made_from"]["variants"] == 20
    assert record["made_from"]["seed"] == 5
    assert 3 * 5 < len(made) - 1 <= 3 * 21


@pytest.mark.parametrize(("task", "variants"), [("sst2", 20), ("qnli", 20), ("mnli", 10), ("rte", 30)])
def test_number_of_variants_by_task(place, task, variants):
    write(place, "train.tsv", HEADERS[task], ROWS[task].format("good " * 14, "a"))
    assert run(place, task, "--candidates", 1) == 0
    assert variants - 3 <= len(lines(place / "out" / "train.tsv")) - 2 <= variants
    assert run(place, task, "--candidates", 1, "--variants", 4, out="few") == 0
    assert len(lines(place / "few" / "train.tsv")) == 2 + 4


@pytest.fixture
def alone(place, monkeypatch):
    """What one rank makes of 23 rows in parts of 4, and the lines of the file."""
    monkeypatch.setattr(tinybert.augment, "ROWS_OF_A_PART", 4)
    write(place, "train.tsv", HEADERS["sst2"], *rows(23))
    assert run(place, "sst2", out="alone") == 0
    Model.calls = 0
    return (place / "alone" / "train.tsv").read_bytes()


def test_output_does_not_depend_on_parts_or_run(place, alone, monkeypatch):
    monkeypatch.setattr(tinybert.augment, "ROWS_OF_A_PART", 1000)
    assert run(place, "sst2") == 0
    assert (place / "out" / "train.tsv").read_bytes() == alone
    assert run(place, "sst2", "--seed", 2, out="seeded") == 0
    assert (place / "seeded" / "train.tsv").read_bytes() != alone


def test_ranks_share_the_parts(place, alone, monkeypatch, capsys):
    monkeypatch.setenv("RANK_SIZE", "4")
    for rank in ("2", "0", "3"):
        monkeypatch.setenv("RANK_ID", rank)
        assert run(place, "sst2") == 0
        assert not (place / "out" / "train.tsv").exists()
    assert "2 of 6 parts are for other ranks to augment" in capsys.readouterr().err
    monkeypatch.setenv("RANK_ID", "1")
    assert run(place, "sst2") == 0
    assert (place / "out" / "train.tsv").read_bytes() == alone
    assert Model.calls == 6
    assert parts_left(place) == []


def test_parts_of_hosts_with_disks_of_their_own_are_brought_together(place, alone, monkeypatch):
    monkeypatch.setenv("RANK_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK_ID", rank)
        assert run(place, "sst2", out=f"host{rank}") == 0
    (parts,) = place.glob("host1/.unfinished-*")
    shutil.copytree(parts, place / "host0" / parts.name, dirs_exist_ok=True)
    monkeypatch.setenv("RANK_SIZE", "1")
    monkeypatch.setenv("RANK_ID", "0")
    assert run(place, "sst2", out="host0") == 0
    assert (Model.calls, (place / "host0" / "train.tsv").read_bytes()) == (6, alone)


def test_a_killed_run_goes_on_with_the_parts_that_lack(place, alone, monkeypatch, capsys):
    monkeypatch.setattr(Model, "most", 4)
    with pytest.raises(KeyboardInterrupt):
        run(place, "sst2")
    assert not (place / "out" / "train.tsv").exists()
    assert len(parts_left(place)) == 2 * 4
    (part, *_) = place.glob("out/.unfinished-*/part-00002")
    part.write_bytes(b"cut")
    monkeypatch.setattr(Model, "most", 99)
    monkeypatch.setattr(Model, "calls", 0)
    assert run(place, "sst2") == 0
    assert (Model.calls, (place / "out" / "train.tsv").read_bytes()) == (3, alone)
    assert "3 of 6 parts to augment" in capsys.readouterr().err


def test_a_run_killed_before_the_file_is_described_goes_on(place, alone):
    assert run(place, "sst2") == 0
    (place / "out" / "train.tsv.json").unlink()
    (place / "out" / ".unfinished-0").mkdir()
    assert run(place, "sst2") == 0
    assert (place / "out" / "train.tsv").read_bytes() == alone


def test_up_to_date(place, alone, capsys):
    assert run(place, "sst2", out="alone") == 0
    assert Model.calls == 0
    assert "alone/train.tsv is up to date" in capsys.readouterr().err
    assert run(place, "sst2", "--variants", 3, out="alone") == 0
    assert Model.calls == 6


def test_malformed_rows_are_all_named_and_nothing_is_written(place, capsys):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1", "bad", "film\tyes")
    assert run(place, "sst2") == 2
    error = capsys.readouterr().err
    assert "train.tsv:3: 1 fields instead of 2" in error
    assert "train.tsv:4: label 'yes' is none of 0, 1" in error
    assert not (place / "out").exists()
    assert run(place, "sst2", "--skip-malformed", "--probability", 1) == 0
    assert lines(place / "out" / "train.tsv")[1:] == ["good\t1", "bad\t1"]


def test_files_of_others_are_not_replaced(place, capsys):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1")
    assert run(place, "sst2", out="data") == 2
    (place / "out").mkdir()
    (place / "out" / "train.tsv").write_text("mine\n")
    assert run(place, "sst2") == 2
    assert capsys.readouterr().err.count("train.tsv was not written by this stage: name another --out") == 2
    assert (place / "out" / "train.tsv").read_text() == "mine\n"


def test_another_vocabulary_than_the_teachers(place, capsys):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1")
    (place / "vocab.txt").write_text("\n".join(TOKENS[:-1]) + "\n")
    assert run(place, "sst2") == 2
    assert "has 12 tokens, but" in capsys.readouterr().err
    config = json.loads((place / "teacher" / "config.json").read_text())
    (place / "teacher" / "config.json").write_text(json.dumps({**config, "vocab_sha256": "f00"}))
    (place / "vocab.txt").write_text("\n".join([*TOKENS[:-1], "'"]) + "\n")
    assert run(place, "sst2") == 2
    assert "is not the vocabulary that" in capsys.readouterr().err


def test_a_teacher_of_cased_text(place, capsys):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1")
    config = json.loads((place / "teacher" / "config.json").read_text())
    (place / "teacher" / "config.json").write_text(json.dumps({**config, "lower_case": False}))
    assert run(place, "sst2") == 2
    assert "was trained on cased text, but this is uncased: --cased" in capsys.readouterr().err
    assert run(place, "sst2", "--cased") == 0


def test_the_vocabulary_beside_the_teacher(place):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1")
    (place / "vocab.txt").rename(place / "teacher" / "vocab.txt")
    words = [f"--{name}={place / name}" for name in ("data", "teacher", "out")]
    assert main(["--task=sst2", *words, "--probability=1"]) == 0
    assert lines(place / "out" / "train.tsv")[1:] == ["good\t1", "bad\t1"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--teacher", "none"], "none: no model"),
        (["--vocab", "none.txt"], "none.txt does not exist"),
        (["--word-vectors", "none.txt"], "none.txt does not exist"),
        (["--stop-words", "none.txt"], "none.txt does not exist"),
        (["--data", "none"], "train.tsv does not exist"),
    ],
)
def test_missing_files(place, capsys, more, message):
    write(place, "train.tsv", HEADERS["sst2"], "good\t1")
    assert run(place, "sst2", *more) == 2
    assert message in capsys.readouterr().err
    assert not (place / "out").exists()


def test_entities_cannot_be_augmented(place, capsys):
    with pytest.raises(SystemExit) as exit_of:
        run(place, "cluener")
    assert exit_of.value.code == 2
    assert "invalid choice: 'cluener'" in capsys.readouterr().err
