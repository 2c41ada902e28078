"""One line that every login shell hands on: what comes out is what went in."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from launcher.hosts.command import command_line
from tests.hostile import HOSTILE

SHELLS = ("sh", "bash", "zsh", "fish", "csh", "tcsh", "dash", "ksh")
ECHO = 'printf "%s\\0" "$@"'


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """A login shell that is installed here."""
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(f"no {request.param} here")
    return path


def pass_on(shell: str, line: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """As sshd gives a command to the login shell."""
    return subprocess.run([shell, "-c", line], input=stdin, capture_output=True, timeout=60)


def test_words_arrive_as_they_are(shell: str) -> None:
    done = pass_on(shell, command_line(ECHO, HOSTILE))
    assert done.stdout.decode().split("\0")[:-1] == list(HOSTILE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_bytes_that_are_no_text_arrive_too(shell: str) -> None:
    word = os.fsdecode(bytes(range(1, 256)))
    assert pass_on(shell, command_line(ECHO, [word])).stdout == bytes(range(1, 256)) + b"\0"


def test_a_script_keeps_its_input_and_gives_its_exit_code(shell: str) -> None:
    done = pass_on(shell, command_line("cat; exit 7", []), b"all of\n\nit")
    assert (done.stdout, done.returncode) == (b"all of\n\nit", 7)


def test_a_script_runs_under_the_posix_shell_by_our_name(shell: str) -> None:
    text = 'echo "$0 $#"\ncat <<X\n$((6 * 7))\nX\n'
    assert pass_on(shell, command_line(text, ["-n", ""])).stdout == b"launcher 2\n42\n"


def test_the_line_holds_nothing_that_a_login_shell_could_read_its_own_way(hostile: str) -> None:
    line = command_line(f"echo {hostile}", [hostile])
    quoted = line.removeprefix("/bin/sh -c 'eval \"$(printf %s ").removesuffix(" | base64 -d)\"' launcher")
    assert set(quoted) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
