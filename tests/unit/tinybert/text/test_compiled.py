from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tinybert.text import compiled

SOURCES = Path(compiled.__file__).parents[1]


def test_the_hash_is_of_every_module_with_compiled_functions():
    with_some = re.compile("^@compiled(_part)?$", re.M)
    found = [path for path in SOURCES.rglob("*.py") if with_some.search(path.read_text())]
    assert {str(path.relative_to(SOURCES).with_suffix("")) for path in found} == set(compiled.KERNELS)
    assert len({path.name for path in found}) == len(found), "their copies share a directory"


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


def test_one_process_compiles_and_says_so(tmp_path, monkeypatch, capsys):
    """The others wait for it; and nobody waits, or says anything, where something is kept."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    (tmp_path / "kept").mkdir()
    holders = []

    def use_all():
        with (tmp_path / ".lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                holders.append("nobody")
            except BlockingIOError:
                holders.append("us")
        (tmp_path / "kept" / "scan.nbi").touch()

    compiled.compile_once(use_all)
    assert "compiling for this machine, once" in capsys.readouterr().err
    compiled.compile_once(use_all)
    assert holders == ["us", "nobody"]
    assert capsys.readouterr().err == ""


KERNEL_USER = """
import sys
sys.path.insert(0, sys.argv[1])
from tinybert.records.twister import _temper
import numpy as np
_temper(np.zeros(624, np.uint32), np.zeros(624, np.uint32))
print(sum(_temper.stats.cache_hits.values()), sum(_temper.stats.cache_misses.values()))
"""


def test_code_elsewhere_finds_what_is_kept(tmp_path):
    """Each run of the launcher has a snapshot of its own, of another time."""
    said = []
    for name in ("one", "two"):
        shutil.copytree(SOURCES, tmp_path / name / "tinybert")
        environment = {**os.environ, "TINYBERT_KERNEL_CACHE": str(tmp_path / "kept")}
        words = [sys.executable, "-c", KERNEL_USER, str(tmp_path / name)]
        said.append(subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout)
    assert said == ["0 1\n", "1 0\n"]
