"""Reading a Wikipedia dump through: what is whole in it, how many articles it holds, its language."""

from __future__ import annotations

import bz2
import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinybert.stage import Progress, StageError

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
