"""Articles and sentences of a Wikipedia dump, whose markup the wikiextractor program removes.

That program ends with 0 on a dump that is cut and leaves the last page out, so the dump is read through
first (tinybert.wiki.dump_scan). That pass also collects the templates in a file; with it wikiextractor reads
pages from a pipe, so that it can be given some of the splits only, and the whole pages of a cut dump.
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

from tinybert.stages.stage import Progress, StageError, say
from tinybert.text.sentences import split_sentences
from tinybert.wiki.bookmark import Bookmark
from tinybert.wiki.dump import DumpContents, DumpReader, Split
from tinybert.wiki.dump_scan import scan_dump
from tinybert.wiki.watch import Watch

WIKIEXTRACTOR_VERSION = "3.1.0"  # the text differs between releases
PATIENCE = 1800
"""Seconds for which wikiextractor may be silent: so long may it load templates, or work on one article."""
_SPLIT_BYTES = 64_000_000  # of a dump that is read in one go: where its articles are counted

Article = dict  # {"id", "revid", "url", "title", "text"}


def dump_documents(path: Path, allow_truncated: bool, templates: Path) -> Iterator[list[str]]:
    """Yield the sentences of each article, without titles; empty articles are left out.

    A dump that is cut raises StageError, or with `allow_truncated` gives its whole pages. `templates` is a
    file that lives meanwhile. StageError too where wikiextractor is missing, fails, or loses an article.
    """
    require_wikiextractor()
    try:
        templates.parent.mkdir(parents=True, exist_ok=True)
        with templates.open("wb") as file:
            contents = read_through(path, _SPLIT_BYTES, file)
        require_whole(path, contents.damage, contents.last_title, allow_truncated)
        extracted = 0
        progress = Progress()
        for _split, articles in extract_splits(path, contents, contents.splits, templates, processors()):
            for article in articles:
                extracted += 1
                progress.report("extracted {} of {} articles", extracted, contents.articles)
                if sentences := sentences_of(article, contents.language):
                    yield sentences
    finally:
        templates.unlink(missing_ok=True)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def read_through(
    path: Path, split_bytes: int, templates: Any, bookmark: Bookmark | None = None
) -> DumpContents:
    """`scan_dump` that says what it does and found."""
    say(f"reading {path} through")
    contents = scan_dump(path, split_bytes, templates, bookmark)
    say(
        f"{contents.pages} pages, {contents.articles} of them articles and {contents.templates} templates, "
        f"language {contents.language}"
    )
    return contents


def require_whole(path: Path, damage: str | None, last_title: str, allow_truncated: bool) -> None:
    """Raise StageError for a dump with `damage` (None: it is whole); with `allow_truncated` only say so."""
    if damage is None:
        return
    cut = f"{path} is cut or damaged ({damage}); its last whole page is {last_title!r}"
    if not allow_truncated:
        raise StageError(f"{cut}. Fetch it again, or take what is whole with --allow-truncated")
    say(f"warning: {cut}")


def require_wikiextractor() -> None:
    """Raise StageError unless the release is installed whose text is known."""
    try:
        version = metadata.version("wikiextractor")
    except metadata.PackageNotFoundError:
        version = "missing"
    if version != WIKIEXTRACTOR_VERSION:
        raise StageError(
            f"a dump needs wikiextractor {WIKIEXTRACTOR_VERSION}, which is {version}: "
            f"{sys.executable} -m pip install wikiextractor=={WIKIEXTRACTOR_VERSION}"
        )


def sentences_of(article: Article, language: str) -> list[str]:
    """The sentences of an article, without its title."""
    paragraphs = html.unescape(article["text"]).split("\n")
    return [sentence for paragraph in paragraphs for sentence in split_sentences(paragraph, language)]


def extract_splits(
    path: Path,
    contents: DumpContents,
    splits: Iterable[Split],
    templates: Path,
    processes: int,
    patience: float = PATIENCE,
) -> Iterator[tuple[Split, Iterator[Article]]]:
    """Yield each split with its articles, which must be taken before the next split is.

    One wikiextractor extracts all splits, with so many `processes`. Raises StageError, also while articles
    are taken, where it fails, gives other articles than the dump holds, or nothing for `patience` seconds.
    """
    splits = list(splits)
    if not splits:
        return
    reader = DumpReader(path)
    articles = _extract(_pages(reader, contents.head_bytes, splits), templates, processes, patience)
    for split in splits:
        yield split, _take(articles, split, path)
    if next(articles, None) is not None:
        raise StageError(f"wikiextractor gave more articles than {path} holds")


def _pages(reader: DumpReader, head_bytes: int, splits: list[Split]) -> Iterator[bytes]:
    yield from reader.read(0, head_bytes)
    for split in splits:
        yield from reader.read_split(split)
    yield b"</mediawiki>\n"


def _take(articles: Iterator[Article], split: Split, path: Path) -> Iterator[Article]:
    count, last = 0, None
    for article in islice(articles, split.articles):
        count, last = count + 1, article["id"]
        yield article
    if count != split.articles or last != split.last_article:
        raise StageError(
            f"wikiextractor gave {count} articles up to the page with id {last}, but {path} holds "
            f"{split.articles} up to {split.last_article} (bytes {split.start} to {split.end}, unpacked); "
            "its messages are above"
        )


def _extract(pages: Iterator[bytes], templates: Path, processes: int, patience: float) -> Iterator[Article]:
    """Yield what wikiextractor makes of each article, in their order."""
    command = [sys.executable, "-m", "wikiextractor.WikiExtractor", "/dev/stdin", "--output", "-", "--json"]
    command += ["--quiet", "--templates", str(templates.resolve()), "--processes", str(processes)]
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as stdin:
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE)
    last = None
    with process, _guard(process.pid) as guard, Watch(process.pid, patience) as watch:
        feeder = _Feeder(write_end, pages, watch)
        feeder.start()
        for article in map(json.loads, watch.lines_of(process.stdout)):
            last = article["id"]
            yield article
        process.wait()
        guard.stdin.write(b"ended")
    if watch.reason:
        raise StageError(
            f"{watch.reason}; the last article that it gave has the id {last}. "
            "Finished splits stay: run it again"
        )
    feeder.join()
    if feeder.error:
        raise feeder.error
    if process.returncode:
        raise StageError(f"wikiextractor ended with exit code {process.returncode}; its messages are above")


class _Feeder(threading.Thread):
    """Writes pages to wikiextractor. No exit waits for it: the other end may be gone, or read no more."""

    def __init__(self, write_end: int, pages: Iterator[bytes], watch: Watch) -> None:
        super().__init__(daemon=True)
        self._watch = watch
        self.error: StageError | OSError | EOFError | None = None
        self._write_end = write_end
        self._pages = pages

    def run(self) -> None:
        try:
            with open(self._write_end, "wb") as pipe:
                for block in self._watch.input_of(self._pages):
                    pipe.write(block)
        except BrokenPipeError:
            pass  # what wikiextractor says, and its exit code, tell why
        except (StageError, OSError, EOFError) as error:  # of the dump
            self.error = error


def _guard(pid: int) -> subprocess.Popen:
    """End wikiextractor with its reader: its processes would wait for one another for ever."""
    script = str(Path(__file__).with_name("guard.py"))
    return subprocess.Popen([sys.executable, "-I", script, str(pid)], stdin=subprocess.PIPE)
