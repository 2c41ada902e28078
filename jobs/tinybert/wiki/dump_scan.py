"""Reading a Wikipedia dump through: what is whole, articles and templates, where it can be split."""

from __future__ import annotations

import html
import os
import re
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from tinybert.stages.stage import Progress, StageError, say
from tinybert.wiki.bookmark import Bookmark
from tinybert.wiki.dump import BLOCK, DumpContents, Split, dump_blocks

_HEAD = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<mediawiki\b[^>]*>")
_LANGUAGE = re.compile(rb'\bxml:lang="([\w-]+)"')
# What a bookmark keeps of a scan that is between two pages.
_KEPT_BYTES = ("_template_namespace", "_title", "_last_title", "_last_article", "_window")
_KEPT = (
    *("_language", "_offset", "_lines", "_head_bytes", "_whole_bytes", "_read_bytes", "_pages", "_articles"),
    *("_templates", "_streams", "_stream_offsets", "_split_start", "_split_articles"),
)
# MediaWiki puts each tag that matters here at the beginning of a line; in text "<" is written "&lt;".
_TAG = re.compile(
    rb"\n[ \t]*<(?:(?P<page>page>)|title>(?P<title>[^\n]*)</title>|(?P<article>ns>0</ns>)|id>(?P<id>\d+)<"
    rb'|(?P<redirect>redirect\b)|(?P<end>/page>)|namespace key="10"[^>]*>(?P<templates>[^<]+)<'
    rb"|(?P<closing>/mediawiki>))"
)


def scan_dump(
    path: Path,
    split_bytes: int | None = None,
    templates: BinaryIO | None = None,
    bookmark: Bookmark | None = None,
) -> DumpContents:
    """Read a dump through; its template pages go to `templates`, as they are.

    A split ends with the first page that makes it `split_bytes` long; without that all is one. With a
    `bookmark` a dump of many streams of bz2 is read on from where an earlier call was killed, which appended
    to the same `templates`. Raises StageError where it is no dump, or where a whole line is not UTF-8.
    """
    scan = _Scan(path, split_bytes, templates, bookmark)
    try:
        for block in dump_blocks(path, scan.resume(), scan.begin_stream):
            scan.take(block)
    except (EOFError, OSError) as error:  # what bz2 raises for a stream that is cut or damaged
        scan.damage = scan.damage and str(error)
    return scan.contents()


@dataclass
class _Page:
    """The page that is being read. `parts`: its bytes in earlier windows, unless it is no template."""

    start: int
    title: bytes = b""
    id: bytes = b""
    is_article: bool = False
    is_template: bool = True
    parts: list[bytes] = field(default_factory=list)


class _Scan:
    """Follows the tags of a dump through windows: a newline and whole lines without their last newline."""

    def __init__(
        self, path: Path, split_bytes: int | None, templates: BinaryIO | None, bookmark: Bookmark | None
    ) -> None:
        self.damage: str | None = "the closing </mediawiki> is missing"
        self._path, self._split_bytes, self._templates_file = path, split_bytes, templates
        self._bookmark = bookmark
        self._language: str | None = None
        self._template_namespace = b"Template"
        self._window = b"\n"  # what is left of the last block
        self._offset = -1  # of the window
        self._lines = self._head_bytes = self._whole_bytes = self._read_bytes = 0
        self._pages = self._articles = self._templates = 0
        self._title = self._last_title = b""
        self._page: _Page | None = None
        self._streams: list[int] = []  # where they begin, after decompression
        self._stream_offsets: list[int] = []
        self._splits: list[Split] = []
        self._split_start = self._split_articles = 0
        self._last_article = b""
        self._progress = Progress()

    def resume(self) -> int:
        """Take up what the bookmark keeps; returns where in the file to read on."""
        if self._bookmark is None:
            return 0
        kept = self._bookmark.read()
        if kept is None or self._templates_file.seek(0, os.SEEK_END) < kept["templates_bytes"]:
            self._templates_file.seek(self._templates_file.truncate(0))
            return 0
        self._templates_file.seek(self._templates_file.truncate(kept["templates_bytes"]))
        for name in _KEPT_BYTES:
            setattr(self, name, kept[name].encode("latin-1"))
        for name in _KEPT:
            setattr(self, name, kept[name])
        self._splits = [Split(**split) for split in kept["splits"]]
        say(f"going on after {self._pages} pages that were read before")
        return kept["file_offset"]

    def _keep(self, offset: int) -> None:
        """Keep all there is; the next stream begins at `offset` of the file."""
        self._templates_file.flush()
        os.fsync(self._templates_file.fileno())
        self._bookmark.write(
            {
                **{name: getattr(self, name) for name in _KEPT},
                **{name: getattr(self, name).decode("latin-1") for name in _KEPT_BYTES},
                "splits": [asdict(split) for split in self._splits],
                "templates_bytes": self._templates_file.tell(),
                "file_offset": offset,
            }
        )

    def begin_stream(self, offset: int) -> None:
        """A stream of bz2 begins at `offset` of the file."""
        if self._bookmark and self._page is None and self._bookmark.is_due():
            self._keep(offset)
        self._streams.append(self._read_bytes)
        self._stream_offsets.append(offset)

    def take(self, block: bytes) -> None:
        """Take the next bytes."""
        self._read_bytes += len(block)
        self._window += block
        if self._language is None:
            self._take_head()
        end = self._window.rfind(b"\n")
        if end > 0:
            window, self._window = self._window[:end], self._window[end:]
            self._require_utf8(window)
            self._take_window(window)
            self._offset += end
            self._lines += window.count(b"\n")

    def _take_head(self) -> None:
        found = _HEAD.match(self._window)
        if found is None:
            if len(self._window) > BLOCK:
                self._refuse()
            return
        language = _LANGUAGE.search(found[0])
        self._language = language[1].decode() if language else "en"

    def _refuse(self) -> None:
        raise StageError(f"{self._path} is no Wikipedia dump: it does not begin with <mediawiki")

    def _require_utf8(self, window: bytes) -> None:
        try:
            window.decode("utf-8")
        except UnicodeDecodeError as error:
            self._take_window(window[: error.start])
            line_start = window.rfind(b"\n", 0, error.start)
            raise StageError(
                f"{self._path}:{self._lines + window.count(bytes([10]), 0, error.start)}: not UTF-8 "
                f"(byte {error.start - line_start}: {error.reason}), "
                f"in or after the page {_shown(self._title)!r}"
            ) from error

    def _take_window(self, window: bytes) -> None:
        for found in _TAG.finditer(window):
            self._take_tag(found, window)
        page = self._page
        if page and page.is_template:
            page.parts.append(window[max(0, page.start - self._offset) :])

    def _take_tag(self, found: re.Match[bytes], window: bytes) -> None:
        kind, page = found.lastgroup, self._page
        if kind == "page":
            self._page = _Page(self._offset + found.start())
            self._head_bytes = self._head_bytes or self._page.start + 1
        elif kind == "templates":
            self._template_namespace = found["templates"]
        elif kind == "closing":
            self.damage = None
        elif page is None:
            return
        elif kind == "title":
            self._title = page.title = found["title"]
            page.is_template = page.title.startswith(self._template_namespace + b":")
        elif kind == "id":
            page.id = page.id or found["id"]
        elif kind == "article":
            # wikiextractor leaves out articles whose title begins like the name of the template namespace
            page.is_article = not page.title.startswith(self._template_namespace)
        elif kind == "redirect":
            page.is_article = False
        else:
            line_end = window.find(b"\n", found.end())
            self._end_page(page, window, len(window) if line_end < 0 else line_end)

    def _end_page(self, page: _Page, window: bytes, end: int) -> None:
        if page.is_template:
            self._templates += 1
            if self._templates_file:
                last = window[max(0, page.start - self._offset) : end]
                self._templates_file.write(b"".join([*page.parts, last, b"\n"])[1:])
        self._page = None
        self._pages += 1
        self._last_title = page.title
        self._whole_bytes = self._offset + end + 1
        if page.is_article:
            self._articles += 1
            self._split_articles += 1
            self._last_article = page.id
        self._progress.report("read through {} pages", self._pages)
        size = self._whole_bytes - max(self._split_start, self._head_bytes)
        if self._split_bytes and self._split_articles and size >= self._split_bytes:
            self._end_split()

    def _end_split(self) -> None:
        start = max(self._split_start, self._head_bytes)
        stream = bisect_right(self._streams, start) - 1
        self._splits.append(
            Split(
                start=start,
                end=self._whole_bytes,
                articles=self._split_articles,
                last_article=self._last_article.decode(),
                stream_start=self._streams[stream] if self._streams else 0,
                stream_offset=self._stream_offsets[stream] if self._streams else 0,
            )
        )
        self._split_start, self._split_articles = self._whole_bytes, 0

    def contents(self) -> DumpContents:
        """What was found. Raises StageError where no page is whole."""
        if self._language is None and self._read_bytes:
            self._refuse()
        self._take_window(self._window)  # a last line without newline
        self._whole_bytes = min(self._whole_bytes, self._read_bytes)
        if not self._pages:
            raise StageError(f"{self._path} holds no whole page ({self.damage or 'it ends properly'})")
        if self._split_articles:
            self._end_split()
        return DumpContents(
            language=self._language or "en",
            pages=self._pages,
            articles=self._articles,
            templates=self._templates,
            last_title=_shown(self._last_title),
            head_bytes=self._head_bytes,
            whole_bytes=self._whole_bytes,
            damage=self.damage,
            splits=tuple(self._splits),
        )


def _shown(title: bytes) -> str:
    return html.unescape(title.decode("utf-8", "replace"))
