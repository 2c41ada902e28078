from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinybert.corpus import main
from tinybert.stages.stage import run_stage

SHARED = Path(__file__).parents[4] / "shared" / "data" / "wiki"
real_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the sample data in {SHARED}")

TEXT = "One is here.\nTwo is there.\n\nThree  stands alone.\n\n"


def run(*arguments):
    return run_stage(lambda: main(list(map(str, arguments))))


def make(tmp_path, content=TEXT, *more):
    (tmp_path / "in.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return run("--source", tmp_path / "in.txt", "--out", tmp_path / "out.txt", *more)


def test_text_is_copied(tmp_path, capsys):
    assert make(tmp_path) == 0
    assert (tmp_path / "out.txt").read_bytes() == TEXT.encode()
    assert "2 documents, 3 sentences, 50 bytes" in capsys.readouterr().err


def test_blank_lines_are_made_one(tmp_path):
    assert make(tmp_path, "\n\na\rb\r\n\u3000\n \n\nc") == 0
    assert (tmp_path / "out.txt").read_text() == "ab\n\nc\n\n"


def test_second_run_reuses_and_says_so(tmp_path, capsys):
    assert make(tmp_path) == 0
    arguments = ["--source", tmp_path / "in.txt", "--out", tmp_path / "out.txt"]
    assert run(*arguments) == 0
    assert capsys.readouterr().err.endswith("out.txt is up to date\n")
    assert run(*arguments, "--max-bytes", 10_000) == 0
    (tmp_path / "in.txt").write_text(TEXT + "Four is new.\n")
    assert run(*arguments) == 0
    assert "Four" in (tmp_path / "out.txt").read_text()


def test_size_is_capped_at_a_document(tmp_path, capsys):
    assert make(tmp_path, TEXT + "Four.\n\n", "--max-bytes", 55) == 0
    assert (tmp_path / "out.txt").read_text() == TEXT
    assert "stopped at --max-bytes 55" in capsys.readouterr().err
    record = json.loads((tmp_path / "out.txt.json").read_text())
    assert record["counts"] == {"documents": 2, "sentences": 3, "bytes": 50}


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("One.\nTwo.\n", [], "gives a single document, and a corpus needs two"),
        ("\n \n", [], "gives no document"),
        (TEXT, ["--max-bytes", 40], "gives a single document"),
        ("", [], "in.txt is empty"),
        (b"One.\n\n\xff\n", [], "in.txt:3: not UTF-8"),
    ],
)
def test_text_that_cannot_be_used_leaves_what_was_there(tmp_path, capsys, content, more, message):
    (tmp_path / "out.txt").write_text("old")
    assert make(tmp_path, content, *more) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "out.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_source_that_cannot_be_used(tmp_path, capsys):
    (tmp_path / "a.gz").write_bytes(b"x")
    for source, message in [("no", "does not exist"), (".", "is not a file"), ("a.gz", "unpack it first")]:
        assert run("--source", tmp_path / source, "--out", tmp_path / "out.txt") == 2
        assert message in capsys.readouterr().err


def test_source_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "a.txt").write_text(TEXT)
    assert run("--source", tmp_path / "a.txt", "--out", tmp_path / "." / "a.txt") == 2
    assert "is the source itself" in capsys.readouterr().err


def test_docstrings(tmp_path, capsys):
    arguments = ["--source", "docstrings", "--out", tmp_path / "out.txt", "--max-bytes", 20_000]
    assert run(*arguments) == 0
    text = (tmp_path / "out.txt").read_text()
    assert 5_000 < len(text) <= 20_000
    assert text.count("\n\n") > 2
    assert run(*arguments) == 0
    assert "up to date" in capsys.readouterr().err
    assert run(*arguments[:2], "--out", tmp_path / "again.txt", *arguments[4:]) == 0
    assert (tmp_path / "again.txt").read_text() == text


@real_data
def test_real_dump(tmp_path, capsys):
    (source,) = SHARED.glob("enwiki-latest-*.bz2")
    assert run("--source", source, "--out", tmp_path / "out.txt") == 0
    text = (tmp_path / "out.txt").read_text()
    assert text.startswith("Anarchism is a political philosophy that advocates self-governed societies")
    assert text.count("\n\n") == 105
    assert 19_000 < len(text.splitlines()) < 21_000
    assert "&amp;" not in text


@real_data
@pytest.mark.parametrize(("wiki", "title"), [("viwiki", "Tiệp"), ("jawiki", "Help:目次")])
def test_real_dump_that_is_cut(tmp_path, capsys, wiki, title):
    (source,) = SHARED.glob(f"{wiki}-*-truncated-*.bz2")
    assert run("--source", source, "--out", tmp_path / "out.txt") == 2
    assert f"its last whole page is '{title}'" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()


@real_data
def test_real_dump_without_capitals(tmp_path):
    (source,) = SHARED.glob("jawiki-*.bz2")
    assert run("--source", source, "--out", tmp_path / "out.txt", "--allow-truncated") == 0
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines[0] == "アンパサンド（&, ）は、並立助詞「…と…」を意味する記号である。"
    assert sum(line.endswith("。") for line in lines) > 15_000
