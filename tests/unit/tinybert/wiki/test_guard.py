from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tinybert.wiki.guard


@pytest.fixture
def parent():
    """A shell with a child that sleeps; its stdout ends when both are gone."""
    command = ["sh", "-c", "sleep 600 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.child = int(process.stdout.readline())
        yield process
        tinybert.wiki.guard.kill_with_children(process.pid)


def run_guard(pid, said):
    command = [sys.executable, "-I", tinybert.wiki.guard.__file__, str(pid)]
    subprocess.run(command, input=said, check=True, timeout=60)


def test_end_of_file_ends_process_and_child(parent):
    run_guard(parent.pid, b"")
    assert parent.wait() == -signal.SIGKILL
    assert parent.stdout.read() == b""


def test_a_word_spares_them(parent):
    run_guard(parent.pid, b"ended")
    assert parent.poll() is None
    assert Path(f"/proc/{parent.child}").exists()


def test_process_that_is_gone_is_no_error():
    with subprocess.Popen(["true"]) as process:
        process.wait()
    run_guard(process.pid, b"")
