from __future__ import annotations

import bz2
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tinybert.extract import main
from tinybert.stages.stage import run_stage
from tinybert.wiki.articles import sentences_of

WIKI = Path(__file__).parents[4] / "shared" / "data" / "wiki"
real_data = pytest.mark.skipif(not WIKI.is_dir(), reason=f"needs the sample dumps in {WIKI}")
JOBS = Path(__file__).parents[3] / "jobs"

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
  <siteinfo>
    <base>https://en.wikipedia.org/wiki/Main_Page</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="10" case="first-letter">Template</namespace>
    </namespaces>
  </siteinfo>
"""
PAGE = """  <page>
    <title>{title}</title>
    <ns>{ns}</ns>
    <id>{id}</id>
    <revision>
      <id>{id}9</id>
      <text bytes="1" xml:space="preserve">{text}</text>
    </revision>
  </page>
"""
TAIL = "</mediawiki>\n"


def page(number, title=None, ns=0, text=None):
    text = text or f"'''Page''' {number} is [[here]].\nIt has {{{{fruit|{number}}}}} &amp;amp; é."
    return PAGE.format(id=number, title=title or f"Page {number}", ns=ns, text=text)


# The template comes after most of the pages that use it, which only a pass over the whole dump finds.
PAGES = [
    *[page(number) for number in range(1, 40)],
    page(40, "Talk:Page 1", ns=1),
    page(41, "Template:Fruit", ns=10, text="{{plum}} {{{1}}}"),
    page(42, "Template:Plum", ns=10, text="#REDIRECT [[Template:Pear]]"),
    page(43, "Template:Pear", ns=10, text="pears"),
    page(44, "Empty", text="&lt;!-- nothing --&gt;"),
    *[page(number) for number in range(45, 60)],
]
DUMP = HEAD + "".join(PAGES) + TAIL


def multistream(text, pages_each=7):
    """As Wikipedia packs: the head, so many pages each, and the end are bz2 streams of their own."""
    pages = text.split("  <page>\n")
    chunks = ["".join("  <page>\n" + page for page in pages[at : at + pages_each])
              for at in range(1, len(pages), pages_each)]  # fmt: skip
    return b"".join(bz2.compress(chunk.encode()) for chunk in [pages[0], *chunks])


FORMS = {
    "dump.xml": lambda text: text.encode(),
    "one.xml.bz2": lambda text: bz2.compress(text.encode()),
    "many.xml.bz2": multistream,
}


def sequential(dump):
    """Articles as one process of wikiextractor gives them, without any of our code."""
    command = [sys.executable, "-m", "wikiextractor.WikiExtractor", str(dump), "-o", "-", "--json", "-q"]
    done = subprocess.run([*command, "--processes", "1"], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected_of(dump, language):
    documents = [sentences_of(article, language) for article in sequential(dump)]
    return "".join("\n".join(document) + "\n\n" for document in documents if document)


def run(dump, out, *more):
    return run_stage(lambda: main(["--dump", str(dump), "--out", str(out), *map(str, more)]))


def parts(out):
    return sorted(out.glob("part-*.txt"))


def text_of(out):
    """All documents; a split without any is a blank line."""
    contents = [part.read_bytes() for part in parts(out)]
    return b"".join(content for content in contents if content != b"\n").decode()


def names(out):
    return sorted(path.name for path in out.iterdir())


@pytest.fixture(params=FORMS)
def dump(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(FORMS[request.param](DUMP))
    return path


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "dump.xml"
    path.write_text(DUMP)
    return path


def test_templates_are_those_of_the_whole_dump(plain, tmp_path):
    assert run(plain, tmp_path / "out", "--split-bytes", 2000) == 0
    text = text_of(tmp_path / "out")
    assert text.startswith("Page 1 is here.\nIt has pears 1 & é.\n\nPage 2 is here.\n")
    assert text.count("pears") == 54
    assert "Talk" not in text and "Empty" not in text


@pytest.mark.parametrize("split_bytes", [1, 2000, 10**9])
def test_same_as_one_sequential_run(dump, tmp_path, split_bytes):
    assert run(dump, tmp_path / "out", "--split-bytes", split_bytes, "--processes", 3) == 0
    plain = tmp_path / "plain.xml"
    plain.write_text(DUMP)
    assert text_of(tmp_path / "out") == expected_of(plain, "en")
    files = parts(tmp_path / "out")
    assert len(files) == {1: 55, 10**9: 1}.get(split_bytes, len(files))
    assert files[0].name == f"part-00000-of-{len(files):05d}.txt"


def test_split_without_text_is_no_empty_file(plain, tmp_path):
    assert run(plain, tmp_path / "out", "--split-bytes", 1) == 0
    (blank,) = [part for part in parts(tmp_path / "out") if part.read_bytes() == b"\n"]
    assert json.loads(Path(f"{blank}.json").read_text())["counts"]["documents"] == 0


def test_manifest(plain, tmp_path, capsys):
    assert run(plain, tmp_path / "out", "--split-bytes", 2000) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["language"], manifest["damage"]) == ("corpus", "en", None)
    assert manifest["counts"] == {
        "documents": 54,
        "sentences": 108,
        "bytes": len(text_of(tmp_path / "out").encode()),
    }
    assert [file["name"] for file in manifest["files"]] == [part.name for part in parts(tmp_path / "out")]
    assert ".work" not in names(tmp_path / "out")
    assert "54 documents, 108 sentences" in capsys.readouterr().err


def test_second_run_does_nothing(plain, tmp_path, capsys, monkeypatch):
    assert run(plain, tmp_path / "out", "--split-bytes", 2000) == 0
    monkeypatch.setattr("tinybert.extract.extract_splits", None)
    monkeypatch.setattr("tinybert.extract.read_through", None)
    assert run(plain, tmp_path / "out", "--split-bytes", 2000) == 0
    assert "is up to date" in capsys.readouterr().err


def test_other_options_replace_what_was_there(plain, tmp_path):
    out = tmp_path / "out"
    assert run(plain, out, "--split-bytes", 2000) == 0
    first, count = text_of(out), len(parts(out))
    assert run(plain, out, "--split-bytes", 4000) == 0
    assert text_of(out) == first
    assert len(parts(out)) < count
    plain.write_text(HEAD + PAGES[0] + TAIL)
    assert run(plain, out, "--split-bytes", 4000) == 0
    assert names(out) == [".lock", "manifest.json", "part-00000-of-00001.txt", "part-00000-of-00001.txt.json"]


def test_files_of_others_stay(plain, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-1-of-2.txt").write_text("precious")
    for _attempt in range(2):
        assert run(plain, tmp_path / "out") == 2
        assert "part-1-of-2.txt was not written by this stage" in capsys.readouterr().err
    assert (tmp_path / "out" / "part-1-of-2.txt").read_text() == "precious"


def test_killed_before_a_split_is_described_it_is_ours(plain, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tinybert.stages.artifacts.describe", killed)
        run(plain, out, "--split-bytes", 2000)
    assert names(out) == [".lock", ".work", parts(out)[0].name]
    assert run(plain, out, "--split-bytes", 4000) == 0
    assert text_of(out) == expected_of(plain, "en")


@pytest.mark.parametrize("form", FORMS)
def test_cut_dump(tmp_path, capsys, form):
    cut = HEAD + "".join(PAGES[:20]) + PAGES[20][:150]
    path = tmp_path / form
    path.write_bytes(FORMS[form](cut))
    out = tmp_path / "out"
    assert run(path, out, "--split-bytes", 2000) == 2
    assert "its last whole page is 'Page 20'. Fetch it again" in capsys.readouterr().err
    assert parts(out) == []
    assert run(path, out, "--split-bytes", 2000, "--allow-truncated") == 0
    assert "reading" not in capsys.readouterr().err  # what the first run read through is still known
    assert text_of(out).count("\n\n") == 20


def test_a_cut_dump_is_refused_when_it_was_extracted_before(tmp_path, capsys):
    dump, out = tmp_path / "dump.xml", tmp_path / "out"
    dump.write_text(HEAD + "".join(PAGES[:20]))
    assert run(dump, out) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert run(dump, out, "--allow-truncated") == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["damage"], manifest["last_page"]) == ("the closing </mediawiki> is missing", "Page 20")
    capsys.readouterr()
    assert run(dump, out) == 2
    assert capsys.readouterr().err.splitlines() == [error]
    assert run(dump, out, "--allow-truncated") == 0
    said = capsys.readouterr().err
    assert f"warning: {dump} is cut or damaged (the closing" in said and "is up to date" in said


def test_bz2_whose_end_is_missing(tmp_path, capsys):
    path = tmp_path / "many.xml.bz2"
    path.write_bytes(multistream(DUMP)[:-60])
    assert run(path, tmp_path / "out") == 2
    assert "Compressed file ended before" in capsys.readouterr().err
    assert run(path, tmp_path / "out", "--allow-truncated", "--split-bytes", 2000) == 0
    assert text_of(tmp_path / "out").startswith("Page 1 is here.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("Text.\n", "is no Wikipedia dump"),
        (HEAD + page(1, "Talk:X", ns=1) + TAIL, "holds no article: 1 pages of other kinds"),
    ],
)
def test_no_dump(tmp_path, capsys, content, message):
    (tmp_path / "a.xml").write_text(content)
    assert run(tmp_path / "a.xml", tmp_path / "out") == 2
    assert message in capsys.readouterr().err


def test_ranks_share_the_splits(plain, tmp_path, monkeypatch):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert run(plain, whole, "--split-bytes", 2000) == 0
    monkeypatch.setenv("RANK_SIZE", "3")
    for rank in (2, 0, 1):
        monkeypatch.setenv("RANK_ID", str(rank))
        assert run(plain, shared, "--split-bytes", 2000) == 0
        assert (shared / "manifest.json").exists() == (rank == 1)
        assert run(plain, tmp_path / f"alone{rank}", "--split-bytes", 2000) == 0
    for part in parts(whole):
        assert (shared / part.name).read_bytes() == part.read_bytes()
        assert [rank for rank in range(3) if (tmp_path / f"alone{rank}" / part.name).exists()] == [
            int(part.name[5:10]) % 3
        ]
    assert (shared / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
    together = tmp_path / "alone0"
    for rank in (1, 2):
        shutil.copytree(tmp_path / f"alone{rank}", together, dirs_exist_ok=True)
    monkeypatch.setattr("tinybert.extract.extract_splits", lambda *_: iter(()))
    assert run(plain, together, "--split-bytes", 2000) == 0
    assert (together / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_wikiextractor_that_fails_after_a_split(plain, tmp_path, monkeypatch, capsys):
    fake = tmp_path / "fake" / "wikiextractor"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    article = '{"id": "1", "text": "Page 1."}'
    (fake / "WikiExtractor.py").write_text(f"import sys\nprint({article!r})\nsys.exit('out of memory')\n")
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    out = tmp_path / "out"
    assert run(plain, out, "--split-bytes", 1) == 2
    assert "wikiextractor ended with exit code 1; its messages are above" in capsys.readouterr().err
    assert [part.read_text() for part in parts(out)] == ["Page 1.\n\n"]
    before = finished(out)
    monkeypatch.delenv("PYTHONPATH")
    assert run(plain, out, "--split-bytes", 1) == 0
    assert before.items() <= finished(out).items()


def start(dump, out, *more):
    """The stage as a process, at its own pace."""
    command = [
        sys.executable,
        "-m",
        "tinybert.extract",
        "--dump",
        str(dump),
        "--out",
        str(out),
        *map(str, more),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RANK_", "LAUNCHER_"))}
    return subprocess.Popen(command, env={**kept, "PYTHONPATH": str(JOBS)}, stderr=subprocess.PIPE)


def finished(out):
    return {part.name: part.stat().st_mtime_ns for part in parts(out) if Path(f"{part}.json").exists()}


@pytest.fixture(scope="module")
def long_dump(tmp_path_factory):
    """Enough for several seconds, and what an unbroken run makes of it."""
    home = tmp_path_factory.mktemp("long")
    words = "'''Water''' is [[wet]] and {{fruit|ripe}} today. It is so. "
    body = "".join(page(100 + number, text=f"{number} " + words * 200) for number in range(400))
    path = home / "many.xml.bz2"
    path.write_bytes(multistream(HEAD + body + "".join(PAGES[40:43]) + TAIL, 20))
    assert run(path, home / "whole", "--split-bytes", 300_000) == 0
    return path, home / "whole"


@pytest.mark.parametrize("moment", [0, 1, 4, 9])
def test_killed_at_any_moment(long_dump, tmp_path, moment):
    """Killed with -9 before the first split is done, and after so many; run again it makes the same bytes."""
    dump, whole = long_dump
    out = tmp_path / "out"
    process = start(dump, out, "--split-bytes", 300_000)
    deadline = time.monotonic() + 60
    while len(finished(out)) < moment or not out.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(random.random() * 0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = finished(out)
    assert not (out / "manifest.json").exists()
    again = start(dump, out, "--split-bytes", 300_000)
    _, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    after = finished(out)
    assert {name: after[name] for name in before} == before
    assert len(before) >= moment
    for part in parts(whole):
        assert (out / part.name).read_bytes() == part.read_bytes()
    assert names(out) == names(whole)


def children(pid):
    """Pids of the direct children, oldest first."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_wikiextractor_that_waits_for_a_dead_process_of_its_own(long_dump, tmp_path):
    """Alone it would wait for ever."""
    dump, whole = long_dump
    out = tmp_path / "out"
    process = start(dump, out, "--split-bytes", 300_000)
    while not finished(out):
        assert process.poll() is None
        time.sleep(0.002)
    (wikiextractor,) = [pid for pid in children(process.pid) if len(children(pid)) > 2]
    os.kill(children(wikiextractor)[-1], signal.SIGKILL)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert b"a process of wikiextractor died of signal 9" in error
    assert b"run it again" in error
    before = finished(out)
    assert run(dump, out, "--split-bytes", 300_000) == 0
    assert before.items() <= finished(out).items()
    assert text_of(out) == text_of(whole)


@real_data
@pytest.mark.parametrize(("wiki", "language"), [("enwiki", "en"), ("viwiki", "vi"), ("jawiki", "ja")])
def test_real_dumps_are_those_of_one_sequential_run(tmp_path, wiki, language):
    (dump,) = WIKI.glob(f"{wiki}-*.bz2")
    assert run(dump, tmp_path / "out", "--allow-truncated", "--split-bytes", 1_000_000) == 0
    assert len(parts(tmp_path / "out")) > 4
    assert text_of(tmp_path / "out") == expected_of(dump, language)


@real_data
def test_real_dump_in_many_streams(tmp_path):
    (source,) = WIKI.glob("enwiki-*.bz2")
    dump = tmp_path / "enwiki.xml.bz2"
    dump.write_bytes(multistream(bz2.decompress(source.read_bytes()).decode(), 100))
    for name, path in (("one", source), ("many", dump)):
        assert run(path, tmp_path / name, "--split-bytes", 1_000_000) == 0
    assert text_of(tmp_path / "one") == text_of(tmp_path / "many")
