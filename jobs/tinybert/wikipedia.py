"""Sentences of the articles in a Wikipedia dump, whose markup the wikiextractor program removes.

That program ends with 0 on a dump that is cut and leaves the last page out, so the dump is read through
first: what is whole in it, how many articles must come out, and its language.
"""

from __future__ import annotations

import bz2
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from tinybert.sentences import split_sentences
from tinybert.stage import Progress, StageError, say

WIKIEXTRACTOR_VERSION = "3.1.0"  # the text differs between releases
_LANGUAGE = re.compile(rb'<mediawiki\b[^>]*\bxml:lang="([\w-]+)"')
_TEMPLATE_NAMESPACE = re.compile(rb'<namespace key="10"[^>]*>([^<]+)<')
_TITLE = re.compile(rb"<title>(.*)</title>")


@dataclass(frozen=True)
class DumpContents:
    """What a dump holds. `whole_bytes` is where its last whole page ends, after decompression."""

    language: str
    pages: int
    articles: int
    last_title: str
    whole_bytes: int
    damage: str | None  # why it is not whole; None: it is


def open_dump(path: Path) -> BinaryIO:
    """Open a dump for reading, decompressed where its name ends in .bz2."""
    return bz2.open(path) if path.suffix == ".bz2" else path.open("rb")


def scan_dump(path: Path) -> DumpContents:
    """Read a dump through. Raises StageError where it is no dump, or where a whole line is not UTF-8."""
    scan = _Scan(path)
    with open_dump(path) as dump:
        try:
            for line in dump:
                scan.take(line)
        except (EOFError, OSError) as error:  # what bz2 raises for a stream that is cut or damaged
            scan.damage = str(error)
    return scan.contents()


class _Scan:
    """Follows the lines of a dump; MediaWiki puts each tag that matters here on a line of its own."""

    def __init__(self, path: Path) -> None:
        self.damage: str | None = "the closing </mediawiki> is missing"
        self._path = path
        self._language: str | None = None
        self._template_namespace = "Template"
        self._lines = self._bytes = self._whole_bytes = self._pages = self._articles = 0
        self._title = self._last_title = ""
        self._is_article = False
        self._progress = Progress()

    def take(self, line: bytes) -> None:
        """Take the next line, which lacks its newline only where the dump is cut."""
        self._lines += 1
        self._bytes += len(line)
        tag = line.strip()
        if not line.isascii() and line.endswith(b"\n"):
            self._require_utf8(line)
        if self._language is None:
            self._take_head(tag)
        elif tag.startswith(b"<"):
            self._take_tag(tag)

    def _take_head(self, tag: bytes) -> None:
        if tag.startswith(b"<mediawiki"):
            found = _LANGUAGE.search(tag)
            self._language = found[1].decode() if found else "en"
        elif tag and not tag.startswith(b"<?xml"):
            raise StageError(f"{self._path} is no Wikipedia dump: it does not begin with <mediawiki")

    def _take_tag(self, tag: bytes) -> None:
        if tag == b"<page>":
            self._is_article = False
        elif found := _TITLE.match(tag):
            self._title = html.unescape(found[1].decode())
        elif tag == b"<ns>0</ns>":
            # wikiextractor leaves out articles whose title begins like the name of the template namespace
            self._is_article = not self._title.startswith(self._template_namespace)
        elif tag.startswith(b"<redirect"):
            self._is_article = False
        elif tag == b"</page>":
            self._end_page()
        elif tag == b"</mediawiki>":
            self.damage = None
        elif found := _TEMPLATE_NAMESPACE.match(tag):
            self._template_namespace = html.unescape(found[1].decode())

    def _end_page(self) -> None:
        self._pages += 1
        self._articles += self._is_article
        self._last_title = self._title
        self._whole_bytes = self._bytes
        self._progress.report("read through {} pages", self._pages)

    def _require_utf8(self, line: bytes) -> None:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise StageError(
                f"{self._path}:{self._lines}: not UTF-8 (byte {error.start + 1}: {error.reason}), "
                f"in or after the page {self._title!r}"
            ) from error

    def contents(self) -> DumpContents:
        """What was found. Raises StageError where no page is whole."""
        if self._language is None or not self._pages:
            raise StageError(f"{self._path} holds no whole page ({self.damage or 'it ends properly'})")
        return DumpContents(
            language=self._language,
            pages=self._pages,
            articles=self._articles,
            last_title=self._last_title,
            whole_bytes=self._whole_bytes,
            damage=self.damage,
        )


def dump_documents(path: Path, allow_truncated: bool, scratch: Path) -> Iterator[list[str]]:
    """Yield the sentences of each article, without titles; empty articles are left out.

    A dump that is cut raises StageError, or with `allow_truncated` gives its whole pages (copied to the file
    `scratch` meanwhile). StageError too where wikiextractor is missing, fails, or loses an article.
    """
    _require_wikiextractor()
    say(f"reading {path} through")
    contents = scan_dump(path)
    say(f"{contents.pages} pages, {contents.articles} of them articles, language {contents.language}")
    with _whole_dump(path, contents, allow_truncated, scratch) as whole:
        extracted = 0
        progress = Progress()
        for article in _extract(whole):
            extracted += 1
            progress.report("extracted {} of {} articles", extracted, contents.articles)
            sentences = _sentences_of(article["text"], contents.language)
            if sentences:
                yield sentences
    if extracted != contents.articles:
        raise StageError(
            f"wikiextractor gave {extracted} articles, but {path} holds {contents.articles}; "
            "its messages are above"
        )


def _sentences_of(text: str, language: str) -> list[str]:
    paragraphs = html.unescape(text).split("\n")
    return [sentence for paragraph in paragraphs for sentence in split_sentences(paragraph, language)]


def _require_wikiextractor() -> None:
    try:
        version = metadata.version("wikiextractor")
    except metadata.PackageNotFoundError:
        version = "missing"
    if version != WIKIEXTRACTOR_VERSION:
        raise StageError(
            f"a dump needs wikiextractor {WIKIEXTRACTOR_VERSION}, which is {version}: "
            f"{sys.executable} -m pip install wikiextractor=={WIKIEXTRACTOR_VERSION}"
        )


@contextmanager
def _whole_dump(path: Path, contents: DumpContents, allow_truncated: bool, scratch: Path) -> Iterator[Path]:
    """The dump itself, or of one that is cut a copy of its whole pages that lives as long as the block."""
    if contents.damage is None:
        yield path
        return
    cut = f"{path} is cut or damaged ({contents.damage}); its last whole page is {contents.last_title!r}"
    if not allow_truncated:
        raise StageError(f"{cut}. Fetch it again, or take what is whole with --allow-truncated")
    say(f"warning: {cut}")
    try:
        _copy_whole_pages(path, contents.whole_bytes, scratch)
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


def _copy_whole_pages(path: Path, size: int, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with open_dump(path) as source, copy.open("wb") as target:
        for line in source:  # a bigger read would run into the damage behind the last whole page
            size -= target.write(line)
            if size <= 0:
                break
        target.write(b"</mediawiki>\n")


def _extract(dump: Path) -> Iterator[dict[str, str]]:
    """Yield what wikiextractor makes of each article: {"id", "revid", "url", "title", "text"}."""
    command = [sys.executable, "-m", "wikiextractor.WikiExtractor", str(dump.resolve())]
    command += ["--output", "-", "--json", "--quiet", "--processes", str(len(os.sched_getaffinity(0)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, _guard(process.pid) as guard:
        yield from map(json.loads, process.stdout)
        process.wait()
        guard.stdin.write(b"ended")
    if process.returncode:
        raise StageError(f"wikiextractor ended with exit code {process.returncode}; its messages are above")


def _guard(pid: int) -> subprocess.Popen:
    """End wikiextractor with its reader: its processes would wait for one another for ever."""
    script = str(Path(__file__).with_name("guard.py"))
    return subprocess.Popen([sys.executable, "-I", script, str(pid)], stdin=subprocess.PIPE)
