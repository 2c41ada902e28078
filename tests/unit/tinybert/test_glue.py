from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinybert.glue import main
from tinybert.records.tfrecord import decode_example, read_records
from tinybert.stages.stage import run_stage
from tinybert.tasks.tasks import TASKS

from tests.unit.tinybert.glue_place import (
    CLS,
    LENGTH,
    SEP,
    SST2,
    UNK,
    A,
    B,
    C,
    D,
    make_place,
    records,
    run,
    write,
)

SHARED = Path(__file__).parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the sample data in {SHARED}")

# For each task: its file of training rows, then the ids between [CLS] and padding, the start of the second
# segment, and the label; the same for its test file.
LAYOUTS = {
    "cola": (
        "gj04\t1\t\ta b\nclc\t0\t*\tc\n",
        [([A, B, SEP], 1), ([C, SEP], 0)],
        "index\tsentence\n0\ta\n",
        [A, SEP],
    ),
    "sst2": (SST2, [([A, B, SEP], 1), ([C, SEP], 0)], None, None),
    "mrpc": (
        '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\ta\tb "c\r\n',
        [([A, SEP, B, UNK, C, SEP], 1)],
        "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t7\t8\ta\tb\n",
        [A, SEP, B, SEP],
    ),
    "qqp": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n9\t1\t2\ta\tb\t0\n",
        [([A, SEP, B, SEP], 0)],
        "id\tquestion1\tquestion2\n0\ta\tb\n",
        [A, SEP, B, SEP],
    ),
    "stsb": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tnews\tx\t2012\t1\tnone\tnone\ta\tb\t3.250\n",
        [([A, SEP, B, SEP], 3.25)],
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n"
        "0\tnews\tx\t2012\t1\tnone\tnone\ta\tb\n",
        [A, SEP, B, SEP],
    ),
    "mnli": (
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
        "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
        "0\t1\t1n\tx\t( d )\t( d )\td\td\ta\tb\tneutral\tentailment\n",
        [([A, SEP, B, SEP], 1)],
        None,
        None,
    ),
    "qnli": (
        "index\tquestion\tsentence\tlabel\n0\ta\tb\tnot_entailment\n",
        [([A, SEP, B, SEP], 1)],
        None,
        None,
    ),
    "rte": ("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n", [([A, SEP, B, SEP], 0)], None, None),
    "wnli": (
        "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n",
        [([A, SEP, B, SEP], 1)],
        "index\tsentence1\tsentence2\n0\ta\tb\n",
        [A, SEP, B, SEP],
    ),
    "tnews": (
        '{"label": "106", "label_desc": "news_house", "sentence": "a王", "keywords": "d"}\n'
        '{"label": "116", "label_desc": "news_game", "sentence": "b", "keywords": ""}\n',
        [([A, 10, SEP], 5), ([B, SEP], 14)],
        '{"id": 0, "sentence": "a", "keywords": ""}\n',
        [A, SEP],
    ),
}


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


def features(tokens, label):
    ids = [CLS, *tokens]
    first = ids.index(SEP) + 1
    padding = [0] * (LENGTH - len(ids))
    return {
        "input_ids": ids + padding,
        "input_mask": [1] * len(ids) + padding,
        "segment_ids": [0] * first + [1] * (len(ids) - first) + padding,
        "label_ids": [label],
        "is_real_example": [1],
    }


def side(place, split):
    return json.loads((place / "out" / f"{split}.tfrecord.json").read_text())


@pytest.mark.parametrize("task", LAYOUTS)
def test_layouts(place, task):
    train, expected, test, tokens = LAYOUTS[task]
    suffix = TASKS[task].suffix
    write(place, f"train{suffix}", train)
    if test:
        write(place, f"test{suffix}", test)
    assert run(place, task) == 0
    assert records(place, "train") == [features(*row) for row in expected]
    assert side(place, "train")["made_from"]["labels_known"] is True
    if test:
        score = TASKS[task].is_score
        assert records(place, "test") == [features(tokens, 0.0 if score else 0)]
        assert side(place, "test")["made_from"]["labels_known"] is False
    for record in records(place, "train"):
        assert isinstance(record["label_ids"][0], float) == (task == "stsb")


def test_mnli_has_five_files_of_its_own_widths(place):
    train = LAYOUTS["mnli"][0]
    dev = train.replace("label1\t", "label1\tlabel2\tlabel3\tlabel4\tlabel5\t").replace(
        "neutral\t", "neutral\t" * 5
    )
    test = "\n".join(line.rsplit("\t", 2)[0] for line in train.splitlines()) + "\n"
    for name, content in {
        "train": train,
        "dev_matched": dev,
        "dev_mismatched": dev,
        "test_matched": test,
    }.items():
        write(place, f"{name}.tsv", content)
    assert run(place, "mnli") == 0
    assert records(place, "dev_mismatched") == records(place, "train") == [features([A, SEP, B, SEP], 1)]
    assert records(place, "test_matched") == [features([A, SEP, B, SEP], 0)]
    assert not (place / "out" / "test_mismatched.tfrecord").exists()


@pytest.mark.parametrize(
    ("first", "second", "tokens"),
    [
        ("a b c d", "a b", [A, B, C, SEP, A, B, SEP]),  # 4 + 2: one of the longer part goes
        ("a b c", "d c b", [A, B, C, SEP, D, C, SEP]),  # as long: one of the second goes
        ("a", "a b c d d d", [A, SEP, A, B, C, D, SEP]),
        ("a b c d a b c", "", [A, B, C, D, A, B, SEP]),  # the reference takes it for a single text
    ],
)
def test_pairs_are_truncated_at_the_longer_part(place, first, second, tokens):
    write(place, "dev.tsv", f"index\tsentence1\tsentence2\tlabel\n0\t{first}\t{second}\tentailment\n")
    assert run(place, "rte") == 0
    assert records(place, "dev") == [features(tokens, 0)]
    counts = side(place, "dev")["counts"]
    assert (counts["truncated"], counts["rows_without_text"]) == (int(tokens != [A]), int(not second))


def test_what_stands_beside_the_records(place):
    write(place, "train.tsv", "sentence\tlabel\na zz\t1\nb\t1\nc c c c c c c c\t0\n")
    assert run(place, "sst2") == 0
    record = side(place, "train")
    assert record["counts"] == {
        "rows": 3,
        "truncated": 1,
        "longest": 10,
        "tokens": 17,
        "unknown_tokens": 1,
        "rows_without_text": 0,
        "labels": {"0": 1, "1": 2},
        "malformed_rows_left_out": 0,
    }
    assert record["made_from"]["labels"] == ["0", "1"]
    assert record["made_from"]["max_seq_length"] == LENGTH
    assert len(record["made_from"]["vocab_sha256"]) == 64


def test_malformed_rows_are_all_named_and_nothing_is_written(place, capsys):
    write(place, "train.tsv", b"sentence\tlabel\na\t1\nb\nc\t2\na\tb\t1\n\n\xff\t1\nd\t0")
    write(place, "dev.tsv", "sentence\tlabel\nx\tyes\n")
    (place / "out").mkdir()
    assert run(place, "sst2") == 2
    error = capsys.readouterr().err
    assert "malformed rows: 6." in error
    for where in (
        "train.tsv:3: 1 fields instead of 2",
        "train.tsv:4: label '2' is none of 0, 1",
        "train.tsv:5: 3 fields instead of 2",
        "train.tsv:6: an empty line",
        "train.tsv:7: not UTF-8 (byte 1 of the line",
        "dev.tsv:2: label 'yes' is none of 0, 1",
    ):
        assert where in error
    assert list((place / "out").iterdir()) == []


def test_malformed_rows_beyond_a_limit_are_counted(place, capsys):
    write(place, "train.tsv", "sentence\tlabel\n" + "a\n" * 30)
    assert run(place, "sst2") == 2
    error = capsys.readouterr().err
    assert "malformed rows: 30" in error and "… and 10 more" in error
    assert "train.tsv:21:" in error and "train.tsv:22:" not in error


def test_malformed_rows_are_left_out_on_request(place, capsys):
    write(place, "train.tsv", "sentence\tlabel\na\t1\nb\nc\t0\n")
    assert run(place, "sst2", "--skip-malformed") == 0
    assert "train.tsv:3: 1 fields" in capsys.readouterr().err
    assert [record["label_ids"] for record in records(place, "train")] == [[1], [0]]
    assert side(place, "train")["counts"]["malformed_rows_left_out"] == 1


@pytest.mark.parametrize("score", ["5.1", "-0.1", "nan", "high", "", "inf"])
def test_scores_out_of_range(place, capsys, score):
    header, row = LAYOUTS["stsb"][0].splitlines()
    write(place, "dev.tsv", f"{header}\n{row.replace('3.250', score)}\n")
    assert run(place, "stsb") == 2
    assert f"dev.tsv:2: score '{score}' is no number from 0 to 5" in capsys.readouterr().err


def test_header_of_another_task(place, capsys):
    write(place, "dev.tsv", LAYOUTS["qnli"][0])
    assert run(place, "rte") == 2
    assert (
        "dev.tsv:1: the header lacks 'sentence1' and 'sentence2'; it has 'index'" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("files", "more", "message"),
    [
        ({}, [], "has none of train.tsv, dev.tsv, test.tsv"),
        ({"dev.tsv": "sentence\tlabel\na\t1\n"}, ["--splits", "train"], "train.tsv does not exist"),
        ({"dev.tsv": "sentence\tlabel\na\t1\n"}, ["--splits", "eval"], "no split eval in this task"),
        ({"dev.tsv": ""}, [], "dev.tsv is empty"),
        ({"dev.tsv": "sentence\tlabel\n"}, [], "dev.tsv holds no row"),
        ({"dev.tsv": "sentence\tlabel\na\n"}, ["--skip-malformed"], "dev.tsv holds no row"),
        ({"dev.tsv": "sentence\tlabel\na\t1\n"}, ["--vocab", "none.txt"], "none.txt does not exist"),
    ],
)
def test_wrong_use(place, capsys, files, more, message):
    for name, content in files.items():
        write(place, name, content)
    assert run(place, "sst2", *more) == 2
    assert message in capsys.readouterr().err
    assert not (place / "out").exists()


NER = {"text": "王小a在北北", "label": {"name": {"王小a": [[0, 2]]}, "address": {"北": [[4, 4], [5, 5]]}}}


def ner_features(ids, labels):
    padding = [0] * (LENGTH - len(ids))
    return {
        "input_ids": ids + padding,
        "input_mask": [1] * len(ids) + padding,
        "segment_ids": [0] * LENGTH,
        "label_ids": labels,
        "is_real_example": [1],
    }


@pytest.mark.parametrize(
    ("scheme", "count", "tags"),
    [("bio", 21, ["B-name", "I-name", "I-name", "O", "B-address", "B-address"]),
     ("bios", 31, ["B-name", "I-name", "I-name", "O", "S-address", "S-address"])],
)  # fmt: skip
def test_cluener_has_a_tag_for_each_character(place, scheme, count, tags):
    write(place, "train.json", json.dumps(NER, ensure_ascii=False) + "\n")
    write(place, "test.json", '{"id": 0, "text": "A é北王"}\n')
    assert run(place, "cluener", "--tags", scheme) == 0
    names = side(place, "train")["made_from"]["labels"]
    assert (len(names), names[0]) == (count, "O")
    ids = [CLS, 10, 11, A, 12, 13, 13, SEP]
    labels = [-100, *map(names.index, tags), -100]
    assert records(place, "train") == [ner_features(ids, labels)]
    test_ids = [
        CLS,
        A,
        UNK,
        UNK,
        13,
        10,
        SEP,
    ]  # lower-cased; a space and an "e" alone are not in this vocabulary
    assert records(place, "test") == [ner_features(test_ids, [-100] * LENGTH)]
    assert side(place, "train")["counts"]["labels"]["O"] == 1


def test_cluener_is_truncated_with_its_tags(place):
    write(
        place, "dev.json", json.dumps({"text": "a" * 7 + "北", "label": {"address": {"北": [[7, 7]]}}}) + "\n"
    )
    assert run(place, "cluener") == 0
    assert records(place, "dev") == [ner_features([CLS, *[A] * 6, SEP], [-100, *[0] * 6, -100])]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"label": {}}', "'text' is missing"),
        ('{"text": 3, "label": {}}', "'text' is no text"),
        ('{"text": "ab"}', "'label' is not of the form"),
        ('{"text": "ab", "label": {"name": {"ab": [0, 1]}}}', "'label' is not of the form"),
        ('{"text": "ab", "label": {"name": {"ab": [[0, 1.0]]}}}', "'label' is not of the form"),
        ('{"text": "ab", "label": {"person": {"ab": [[0, 1]]}}}', "kind 'person'"),
        ('{"text": "ab", "label": {"name": {"b": [[0, 0]]}}}', "name 'b' is not at [0, 0]"),
        ('{"text": "ab", "label": {"name": {"b": [[-1, -1]]}}}', "name 'b' is not at [-1, -1]"),
        ('{"text": "ab", "label": {"name": {"ab": [[0, 1]], "b": [[1, 1]]}}}', "overlaps another entity"),
    ],
)
def test_malformed_entities(place, capsys, row, message):
    write(place, "dev.json", row + "\n")
    assert run(place, "cluener") == 2
    error = capsys.readouterr().err
    assert "dev.json:1: " in error and message in error


@real_data
def test_sst2_is_that_of_the_reference(tmp_path):
    words = ["--task", "sst2", "--data", SHARED / "sst2", "--vocab", SHARED / "bert" / "vocab_uncased.txt"]
    words += ["--out", tmp_path, "--splits", "dev"]
    assert run_stage(lambda: main(list(map(str, words)))) == 0
    golden = SHARED / "golden" / "sst2_dev.uncased.len128.tf_record"
    made = [decode_example(record) for record in read_records(tmp_path / "dev.tfrecord")]
    assert len(made) == 872
    assert made == [decode_example(record) for record in read_records(golden)]
