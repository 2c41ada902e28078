"""A shell script and its words as one line that any login shell passes on unchanged."""

from __future__ import annotations

import os
import shlex
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace

from launcher.hosts.base import Completed, RemoteError

ANNOUNCE = "printf '\\036launcher\\036'\n"
"""What a script does first, so that it is known what is its own output."""
ANNOUNCED = "\x1elauncher\x1e"


def command_line(script: str, words: Sequence[str]) -> str:
    """What SSH is given to run a POSIX shell script with positional parameters.

    The login shell of a host may be csh or fish, which quote in their own ways: it gets to see letters,
    digits and `+/=` only.
    """
    text = os.fsencode(f"set -- {shlex.join(words)}\n") + script.encode("utf-8")
    packed = b64encode(text).decode("ascii")
    return f"/bin/sh -c 'eval \"$(printf %s {packed} | base64 -d)\"' launcher"


def without_greeting(label: str, done: Completed) -> Completed:
    """What a script that announced itself said: login shells may print, too, by ~/.bashrc and the like.

    Raises RemoteError where it did not begin, though the login shell says that all is well.
    """
    greeting, announced, out = done.out.partition(ANNOUNCED)
    if announced:
        return replace(done, out=out, greeting=greeting)
    if done.code:
        return replace(done, out="", err=done.err or greeting)
    words = f"host {label}: its login shell did not run a script: {(greeting or done.err).strip()!r}"
    raise RemoteError(
        words, hint="it must run what ssh gives it, and have base64 in PATH: ssh HOST base64 --version"
    )
