"""Sentences of the articles in a Wikipedia dump, whose markup the wikiextractor program removes.

That program ends with 0 on a dump that is cut and leaves the last page out, so the dump is read through
first (tinybert.dump).
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from tinybert.dump import DumpContents, open_dump, scan_dump
from tinybert.sentences import split_sentences
from tinybert.stage import Progress, StageError, say

WIKIEXTRACTOR_VERSION = "3.1.0"  # the text differs between releases


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
