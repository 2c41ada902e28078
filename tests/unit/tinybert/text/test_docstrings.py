from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tinybert.text.docstrings import (
    docstrings_of,
    installed_versions,
    is_prose,
    prose_documents,
    prose_paragraphs,
    source_files,
)

MODULE = '''"""Tools for the garden of the house.

They are kept in the shed, and ``Spade`` is one of them.

    >>> code()
"""
if True:
    class Spade:
        """Digs holes of all sizes."""

        def dig(self):
            """Digs one hole at the given place.

            Args:
                where: The place where this is dug.
            """

    async def rest():
        """Does nothing for quite a while."""
'''


def test_docstrings_come_in_the_order_of_the_source():
    found = [docstring.split("\n")[0] for docstring in docstrings_of(MODULE.encode()) if docstring]
    assert found == [
        "Tools for the garden of the house.",
        "Digs holes of all sizes.",
        "Digs one hole at the given place.",
        "Does nothing for quite a while.",
    ]


@pytest.mark.parametrize(
    "source", [b'print """python 2"""', b'"""null\0byte"""', b"# coding: nonsense\n'''x'''"]
)
def test_source_that_does_not_parse_gives_nothing(source):
    assert list(docstrings_of(source)) == []


def test_warnings_of_other_peoples_sources_are_not_ours():
    assert list(docstrings_of(rb'"""A \d."""')) == [r"A \d."]


@pytest.mark.parametrize(
    "block",
    [
        ">>> f(1)\n2",
        "Args:\n    x: The value.",
        "Parameters\n----------\nx : int\n    The value.",
        ":param x: the value\n:returns: another one",
        "* one thing\n* another thing",
        "1. First this is done.",
        "| a | b |",
        "name      meaning of the name",
        ".. note:: This is a note.",
        "    x = indented code",
        "=====\nTitle\n=====",
    ],
)
def test_what_is_no_running_text_is_left_out(block):
    docstring = f"Before it there is this.\n\n{block}\n\nAfter it\nthere is that."
    assert list(prose_paragraphs(docstring)) == ["Before it there is this.", "After it there is that."]


def test_markup_is_removed():
    text = "Use :class:`~a.b.Spade` or :func:`dig <a.dig>`, not ``rake()``, **never** `that`_ one."
    assert list(prose_paragraphs(text)) == ["Use a.b.Spade or dig, not rake(), never that one."]


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Return the first of them (if any).", True),
        ('"Quotes" may stand around it, too!', True),
        ("Too short is this.", True),
        ("It is short.", False),
        ("no capital begins this sentence.", False),
        ("No full stop ends this sentence", False),
        ("Set a=b[0] and c->d {e} x_y f(g) now.", False),
        ("Der Käse ist nicht auf Englisch.", False),
        ("Words " * 200 + "end.", False),
    ],
)
def test_prose(sentence, kept):
    assert is_prose(sentence) is kept


def write(path, docstring):
    path.write_text(f'"""{docstring}"""\n')
    return path


def test_a_document_a_module_and_no_sentence_twice(tmp_path):
    one = "This is the first sentence. This is the second sentence."
    sources = [
        write(tmp_path / "a.py", one),
        write(tmp_path / "b.py", one),
        write(tmp_path / "c.py", "This is the second sentence. This one is alone here."),
        write(tmp_path / "d.py", "This is the second sentence. Here are two more. Both of them are new."),
    ]
    assert list(prose_documents(sources)) == [
        ["This is the first sentence.", "This is the second sentence."],
        ["Here are two more.", "Both of them are new."],
    ]


def test_sources_are_those_of_this_python(monkeypatch, tmp_path):
    library, packages = tmp_path / "lib", tmp_path / "lib" / "site-packages"
    for name in ("b.py", "a/c.py", "a/tests/t.py", "a/data.txt", "site-packages/p/q.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).touch()
    paths = {"stdlib": str(library), "purelib": str(packages), "platlib": str(packages)}
    monkeypatch.setattr("sysconfig.get_paths", lambda: paths)
    assert [path.relative_to(library) for path in source_files()] == [
        Path("b.py"),
        Path("a/c.py"),
        Path("site-packages/p/q.py"),
    ]


def test_standard_library_has_prose():
    sources = (path for path in source_files() if path.name in ("argparse.py", "shutil.py", "textwrap.py"))
    documents = list(prose_documents(sources))
    assert sum(map(len, documents)) > 50


def test_versions_name_python_and_packages():
    versions = installed_versions()
    assert versions["Python"] == "{}.{}.{}".format(*sys.version_info)
    assert "pytest" in versions
