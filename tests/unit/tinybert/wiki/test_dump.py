from __future__ import annotations

import bz2
from dataclasses import replace

import pytest
import tinybert.wiki.dump_scan
from tinybert.stages.stage import StageError
from tinybert.wiki.bookmark import Bookmark
from tinybert.wiki.dump import DumpReader
from tinybert.wiki.dump_scan import scan_dump

HEAD = """<mediawiki version="0.10" xml:lang="de">
  <siteinfo>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="10" case="first-letter">Vorlage &amp; Co</namespace>
    </namespaces>
  </siteinfo>
"""
PAGE = """  <page>
    <title>{}</title>
    <ns>{}</ns>
{}    <text>é</text>
  </page>
"""
REDIRECT = '    <redirect title="A" />\n'
PAGES = [PAGE.format("A &amp; B", 0, ""), PAGE.format("A", 0, ""), PAGE.format("Diskussion:A", 1, "")]
TAIL = "</mediawiki>\n"
DUMP = HEAD + "".join(PAGES) + TAIL


def scan(tmp_path, content, name="dump.xml"):
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    return scan_dump(tmp_path / name)


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2"])
def test_whole_dump(tmp_path, name):
    data = DUMP.encode()
    contents = scan(tmp_path, bz2.compress(data) if name.endswith(".bz2") else data, name)
    assert (contents.language, contents.pages, contents.articles) == ("de", 3, 2)
    assert contents.damage is None
    assert contents.last_title == "Diskussion:A"
    assert contents.whole_bytes == len(data) - len(TAIL)


@pytest.mark.parametrize(
    "other",
    [
        PAGE.format("Old", 0, REDIRECT),
        PAGE.format("Vorlage &amp; Co beginnt so", 0, ""),  # wikiextractor 3.1.0 takes it for a template
        PAGE.format("Vorlage:X", 10, ""),
    ],
)
def test_what_is_no_article(tmp_path, other):
    assert scan(tmp_path, HEAD + other + PAGES[1] + TAIL).articles == 1


def test_xml_declaration_and_other_language(tmp_path):
    content = '<?xml version="1.0"?>\n' + DUMP.replace('xml:lang="de"', 'xml:lang="zh-yue"')
    assert scan(tmp_path, content).language == "zh-yue"


@pytest.mark.parametrize("length", [1, 20, 60])
def test_cut_dump(tmp_path, length):
    whole = HEAD + PAGES[0]
    contents = scan(tmp_path, whole + PAGES[1][:length])
    assert contents.damage == "the closing </mediawiki> is missing"
    assert (contents.pages, contents.last_title) == (1, "A & B")
    assert contents.whole_bytes == len(whole.encode())


def test_dump_that_is_cut_within_a_character(tmp_path):
    content = (HEAD + PAGES[0] + PAGES[1]).encode()
    assert scan(tmp_path, content[: content.rindex("é".encode()) + 1]).pages == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Some text.\n", "no Wikipedia dump"),
        ("<html>\n", "no Wikipedia dump"),
        (HEAD + TAIL, r"no whole page \(it ends properly\)"),
        (HEAD, r"no whole page \(the closing </mediawiki> is missing\)"),
        (DUMP.encode().replace(b"\xc3\xa9", b"\xe9", 1), r"dump\.xml:11: not UTF-8 .* page 'A & B'"),
    ],
)
def test_no_dump(tmp_path, content, message):
    with pytest.raises(StageError, match=message):
        scan(tmp_path, content)


def test_bz2_that_is_none(tmp_path):
    with pytest.raises(StageError, match=r"no whole page \(Invalid data stream\)"):
        scan(tmp_path, "Some text", "dump.bz2")


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2), (2, 0), (1, 1)])
@pytest.mark.parametrize("form", ["dump.xml", "one.bz2", "many.bz2"])
def test_splits_are_read_in_any_order(tmp_path, form, order):
    pieces = [HEAD, *PAGES, TAIL]
    path = tmp_path / form
    if form == "many.bz2":
        path.write_bytes(b"".join(bz2.compress(piece.encode()) for piece in pieces))
    else:
        path.write_bytes(bz2.compress(DUMP.encode()) if form == "one.bz2" else DUMP.encode())
    splits = [*scan_dump(path, 1).splits]
    assert [split.articles for split in splits] == [1, 1]
    splits.append(replace(splits[1], start=splits[1].start + 3, end=splits[1].end - 3))
    texts = [PAGES[0], PAGES[1], PAGES[1].encode()[3:-3].decode()]
    reader = DumpReader(path)
    for index in order:
        assert b"".join(reader.read_split(splits[index])).decode() == texts[index]


def test_dump_that_becomes_shorter_while_it_is_read(tmp_path):
    path = tmp_path / "dump.xml"
    path.write_text(DUMP)
    (split, _) = scan_dump(path, 1).splits
    path.write_text(DUMP[: split.start + 10])
    with pytest.raises(StageError, match="has become shorter"):
        list(DumpReader(path).read_split(split))


def streams_of(*contents):
    return b"".join(bz2.compress(content.encode()) for content in contents)


@pytest.fixture
def read_on(tmp_path, monkeypatch):
    """Reads a dump of seven streams; killed where the stream of that number would begin."""
    template = PAGE.format("Vorlage &amp; Co:T", 10, "")
    pages = [PAGE.format(f"Ä {number}", 0, "") + template for number in range(5)]
    path = tmp_path / "many.xml.bz2"
    path.write_bytes(streams_of(HEAD, *pages, TAIL))
    begin = tinybert.wiki.dump_scan._Scan.begin_stream
    begun = []

    def read(killed_at=None, key="same", split_bytes=1):
        begun.clear()

        def begin_stream(scan, offset):
            begin(scan, offset)
            begun.append(offset)
            if killed_at is not None and len(scan._streams) > killed_at:
                raise KeyboardInterrupt

        monkeypatch.setattr(tinybert.wiki.dump_scan._Scan, "begin_stream", begin_stream)
        bookmark = Bookmark(tmp_path / "bookmark.json", {"key": key}, seconds=0)
        with (tmp_path / "templates.xml").open("a+b") as templates:
            found = scan_dump(path, split_bytes, templates, bookmark)
        return found, (tmp_path / "templates.xml").read_bytes(), len(begun)

    return read


@pytest.mark.parametrize("killed_at", [1, 3, 6])
def test_a_reader_that_was_killed_reads_on(read_on, tmp_path, killed_at):
    contents, templates, streams = read_on(key="other")
    assert (contents.articles, contents.templates, len(contents.splits), streams) == (5, 5, 5, 7)
    with pytest.raises(KeyboardInterrupt):
        read_on(killed_at)
    with (tmp_path / "templates.xml").open("ab") as file:
        file.write(b"half a templ")  # what was written after the bookmark
    assert read_on() == (contents, templates, 7 - killed_at)


def test_a_bookmark_of_others_or_without_its_templates_is_not_used(read_on, tmp_path):
    whole = read_on(key="other")
    with pytest.raises(KeyboardInterrupt):
        read_on(4, key="another")
    assert read_on() == whole
    with pytest.raises(KeyboardInterrupt):
        read_on(4)
    (tmp_path / "templates.xml").unlink()
    assert read_on() == whole
