from __future__ import annotations

import re
from pathlib import Path

from tinybert import compiled

SOURCES = Path(compiled.__file__).parent


def test_the_hash_is_of_every_module_with_compiled_functions():
    found = {path.stem for path in SOURCES.glob("*.py") if re.search("^@compiled$", path.read_text(), re.M)}
    assert found == set(compiled.KERNELS)


def test_the_directory_that_is_named_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYBERT_KERNEL_CACHE", str(tmp_path / "kept"))
    assert compiled.cache_directory().parent == tmp_path / "kept"


def test_other_sources_have_another_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYBERT_KERNEL_CACHE", str(tmp_path))
    before = compiled.cache_directory()
    monkeypatch.setattr(compiled, "KERNELS", compiled.KERNELS[:-1])
    assert compiled.cache_directory() != before


def test_where_nothing_can_be_written_a_directory_for_this_process(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TINYBERT_KERNEL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert compiled.cache_directory().parent == tmp_path


def test_cold_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiled.say_if_cold()
    assert "compiling for this machine, once" in capsys.readouterr().err
    (tmp_path / "kept").touch()
    compiled.say_if_cold()
    assert capsys.readouterr().err == ""
