from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from tinybert.wiki.watch import Watch

FOR_EVER = "import time; time.sleep(600)"
CHILD_DIES = "import os, time; os.fork() or os._exit(3); time.sleep(600)"
CHILD_IS_KILLED = "import os, time; os.fork() or os.kill(os.getpid(), 9); time.sleep(600)"
CHILD_ENDS_WELL = """
import os, time
child = os.fork() or os._exit(0)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print("ended", flush=True)
time.sleep(600)
"""


@pytest.fixture
def start():
    """Python programs that are gone when the test is over."""
    processes = []

    def start_python(code):
        processes.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE))
        return processes[-1]

    yield start_python
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("code", "patience", "reason"),
    [
        (FOR_EVER, 0.1, "wikiextractor has been silent for "),
        (CHILD_DIES, 1000, "a process of wikiextractor died of exit code 3"),
        (CHILD_IS_KILLED, 1000, "a process of wikiextractor died of signal 9"),
    ],
)
def test_a_process_that_will_not_end_is_ended(start, code, patience, reason):
    process = start(code)
    with Watch(process.pid, patience) as watch:
        assert list(watch.lines_of(process.stdout)) == []
        assert process.wait() == -signal.SIGKILL
    assert watch.reason.startswith(reason)


def test_children_that_end_well_are_no_problem(start):
    process = start(CHILD_ENDS_WELL)
    watch = Watch(process.pid, 1000)
    assert process.stdout.readline() == b"ended\n"
    assert watch._problem() is None


def test_a_last_line_that_is_cut_off_is_left_out(start):
    process = start("print('whole'); print('half', end='')")
    assert list(Watch(process.pid, 1000).lines_of(process.stdout)) == [b"whole\n"]


def test_our_own_work_is_no_silence(start):
    watch = Watch(start(FOR_EVER).pid, -1)  # any silence is too long
    while_reading = []

    def blocks():
        while_reading.append(watch._problem())
        yield b"block"
        while_reading.append(watch._problem())

    assert watch._problem() is not None
    assert [watch._problem() is None for _block in watch.input_of(blocks())] == [False]
    assert while_reading == [None, None]
    talker = start("print('line')")
    assert [watch._problem() for _line in watch.lines_of(talker.stdout)] == [None]
    assert watch._problem() is not None
