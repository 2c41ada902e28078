from __future__ import annotations

import bz2
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tinybert.stages.stage import StageError
from tinybert.wiki.articles import dump_documents

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
{redirect}    <revision>
      <id>{id}</id>
      <text bytes="1" xml:space="preserve">{text}</text>
    </revision>
  </page>
"""
TAIL = "</mediawiki>\n"


def page(number, title=None, ns=0, redirect="", text=None):
    text = text or f"'''Page''' {number} is [[here]]. It ends é now.\n\nIts second paragraph &amp;amp; so on."
    return PAGE.format(id=number, title=title or f"Page {number}", ns=ns, redirect=redirect, text=text)


PAGES = [
    page(1),
    page(2, "Talk:Page 1", ns=1),
    page(3, "Old &amp; gone", redirect='    <redirect title="Page 1" />\n'),
    page(4, "Template engine"),  # wikiextractor 3.1.0 leaves it out for how its title begins
    page(5, "Empty", text="&lt;!-- nothing --&gt;"),
    page(6),
]
DUMP = HEAD + "".join(PAGES) + TAIL
SENTENCES = ["Page {} is here.", "It ends é now.", "Its second paragraph & so on."]
CUT = HEAD + "".join(PAGES[:5]) + PAGES[5][:150] + "é"


def documents_for(*numbers):
    return [[sentence.format(number) for sentence in SENTENCES] for number in numbers]


@pytest.fixture
def dump(tmp_path):
    def write(content=DUMP, name="dump.xml"):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(bz2.compress(data) if name.endswith(".bz2") else data)
        return path

    return write


def extract(path, allow_truncated=False):
    return list(dump_documents(path, allow_truncated, path.with_name("scratch.xml")))


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2", "-o name; with $(odd) signs.bz2"])
def test_articles_become_sentences(dump, name):
    assert extract(dump(name=name)) == documents_for(1, 6)


def test_cut_dump_names_the_last_whole_page(dump, tmp_path):
    path = dump(CUT)
    with pytest.raises(StageError, match=r"is cut .*</mediawiki> is missing.* last whole page is 'Empty'"):
        extract(path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("end", [-1, -2])
def test_cut_dump_gives_its_whole_pages_on_request(dump, tmp_path, capsys, end):
    path = dump(CUT.encode()[:end])  # within the é or before it
    assert extract(path, allow_truncated=True) == documents_for(1)
    assert "warning:" in capsys.readouterr().err
    assert os.listdir(tmp_path) == [path.name]


def test_bz2_that_ends_early(dump):
    noise = "".join(f"{number * 7919 % 10007} " for number in range(300_000))  # several blocks
    path = dump(HEAD + "".join(PAGES[:3]) + page(7, text=noise) + PAGES[5] + TAIL, "dump.xml.bz2")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(StageError, match=r"Compressed file ended .*last whole page is 'Old & gone'"):
        extract(path)
    assert extract(path, allow_truncated=True) == documents_for(1)


def test_article_that_wikiextractor_loses_is_an_error(dump):
    repeated = HEAD + page(1) + page(1) + TAIL  # it drops a page with the id of the one before
    with pytest.raises(StageError, match=r"gave 1 articles up to .*, but .* holds 2"):
        extract(dump(repeated))


def test_other_version_of_wikiextractor_is_refused(dump, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "3.0.6")
    with pytest.raises(StageError, match=r"needs wikiextractor 3\.1\.0, which is 3\.0\.6: .* pip install"):
        extract(dump())


def running(marker):
    """Pids of the processes that have `marker` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if str(marker).encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.fixture
def long_dump(dump):
    return dump(HEAD + "".join(page(number) for number in range(2, 2000)) + TAIL)


def shared_memory(pids):
    """Names of the segments that processes have mapped: wikiextractor keeps templates there."""
    found = set()
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            found |= set(re.findall(r"/dev/shm/\S+", Path(f"/proc/{pid}/maps").read_text()))
    return found


def assert_nothing_left(marker, segments):
    assert segments
    wait_until(lambda: not running(marker))
    wait_until(lambda: not any(map(os.path.exists, segments)))


def test_reader_that_stops_early_leaves_nothing(long_dump):
    templates = long_dump.with_name("templates.xml")
    documents = dump_documents(long_dump, False, templates)
    assert next(documents) == documents_for(2)[0]
    processes = running(templates)
    assert len(processes) > 1
    segments = shared_memory(processes)
    documents.close()
    assert_nothing_left(templates, segments)
    assert not templates.exists()


def test_reader_that_is_killed_leaves_nothing(long_dump):
    templates = long_dump.with_name("templates.xml")
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from tinybert.wiki.articles import dump_documents
documents = dump_documents(Path({str(long_dump)!r}), False, Path({str(templates)!r}))
print(next(documents), flush=True)
input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as reader:
        assert b"Page 2 is here" in reader.stdout.readline()
        segments = shared_memory(running(templates))
        reader.kill()
    assert_nothing_left(templates, segments)


def test_reader_that_fails_does_not_wait_for_wikiextractor(long_dump):
    templates = long_dump.with_name("templates.xml")
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
from pathlib import Path
from tinybert.wiki.articles import dump_documents
documents = dump_documents(Path({str(long_dump)!r}), False, Path({str(templates)!r}))
next(documents)
raise OSError("no space left")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "no space left" in done.stderr) == (1, True)
    wait_until(lambda: not running(templates))
