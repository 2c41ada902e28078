"""English prose that every machine has: the docstrings of Python's standard library and installed packages.

Sources are parsed, never imported. Doctests, code, tables and parameter lists are left out by their layout
(PEP 257, reStructuredText, Google and NumPy styles all indent or underline them), what remains by its words.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from tinybert.text.sentences import split_sentences

# Generated data, or words for tests to chew on.
_SKIPPED_DIRECTORIES = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_STATEMENTS = (ast.stmt, ast.ExceptHandler)

_NOT_PROSE_LINE = re.compile(
    r"""\s              # indented: code, parameter descriptions, literal blocks
    | >>>|\.\.\.\ |\$\  # interactive sessions
    | \.\.\ |:\w|@\w    # directives, field lists, epytext fields
    | [-*+•#|]          # list items, headings, tables
    | \(?\w{1,3}[.)]\s  # numbered items
    | .*[|]|.*\S\s{3,}  # tables, columns
    | ([^\w\s])\1{2,}   # underlines and rules
    """,
    re.VERBOSE,
)
_ROLE = re.compile(r":[\w:.+-]+:`[~!]?([^`<]*?)(?:\s*<[^`]*>)?`")
_MARKUP = re.compile(r"`+_*|\*\*?(?=\w)|(?<=\w)\*\*?")
_PLAIN_WORD = re.compile(r"[\"'(]*[A-Za-z]+(?:['-][A-Za-z]+)*[\"')]*[.,;:!?]?[\"')]*")
_FEWEST_WORDS, _MOST_CHARACTERS, _PLAIN_SHARE = 4, 600, 0.8
_FEWEST_SENTENCES = 2


def source_files() -> Iterator[Path]:
    """Yield the Python sources of the standard library, then of site-packages, each in a fixed order."""
    paths = sysconfig.get_paths()
    for root in dict.fromkeys(paths[key] for key in ("stdlib", "purelib", "platlib")):
        for directory, subdirectories, names in os.walk(root):
            subdirectories[:] = sorted(set(subdirectories) - _SKIPPED_DIRECTORIES)
            yield from (Path(directory, name) for name in sorted(names) if name.endswith(".py"))


def installed_versions() -> dict[str, str]:
    """Versions of Python and of every installed package: they decide what `source_files` holds."""
    packages = {package.metadata["Name"]: package.version for package in metadata.distributions()}
    return {"Python": sys.version.split()[0], **dict(sorted(packages.items()))}


def prose_documents(sources: Iterable[Path]) -> Iterator[list[str]]:
    """Yield the sentences of each module's docstrings, in their order; a sentence comes once in all.

    Modules that this Python cannot parse, or with fewer than two sentences, give no document.
    """
    seen: set[str] = set()
    for source in sources:
        sentences = []
        for sentence in _prose_of(source):
            if sentence not in seen:
                seen.add(sentence)
                sentences.append(sentence)
        if len(sentences) >= _FEWEST_SENTENCES:
            yield sentences


def _prose_of(source: Path) -> Iterator[str]:
    for docstring in docstrings_of(source.read_bytes()):
        for paragraph in prose_paragraphs(docstring):
            yield from filter(is_prose, split_sentences(paragraph, "en"))


def docstrings_of(source: bytes) -> Iterator[str]:
    """Yield the docstrings of a module in their order; none where the source does not parse."""
    if b'"""' not in source and b"'''" not in source:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the escapes of other people's strings
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # Python 2, templates, null bytes, generated tables
        return
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, _DOCUMENTED):
            yield ast.get_docstring(node) or ""
        # Definitions stand in statements, and leaving expressions aside saves most of the time.
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, _STATEMENTS)]
        pending += reversed(children)


def prose_paragraphs(docstring: str) -> Iterator[str]:
    """Yield each paragraph of running text in a docstring as one line, without markup."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        lines = paragraph.split("\n")
        if not any(_NOT_PROSE_LINE.match(line) for line in lines):
            yield _MARKUP.sub("", _ROLE.sub(r"\1", " ".join(lines)))


def is_prose(sentence: str) -> bool:
    """Whether this is an English sentence: capital, full stop, and words rather than code."""
    words = sentence.split()
    return (
        sentence.isascii()
        and sentence.lstrip("\"'(")[:1].isupper()
        and sentence.rstrip("\"')")[-1:] in (".", "!", "?")
        and len(words) >= _FEWEST_WORDS
        and len(sentence) <= _MOST_CHARACTERS
        and sum(map(bool, map(_PLAIN_WORD.fullmatch, words))) >= _PLAIN_SHARE * len(words)
    )
