"""A shell script and its words as one line that any login shell passes on unchanged."""

from __future__ import annotations

import os
import shlex
from base64 import b64encode
from collections.abc import Sequence


def command_line(script: str, words: Sequence[str]) -> str:
    """What SSH is given to run a POSIX shell script with positional parameters.

    The login shell of a host may be csh or fish, which quote in their own ways: it gets to see letters,
    digits and `+/=` only.
    """
    text = os.fsencode(f"set -- {shlex.join(words)}\n") + script.encode("utf-8")
    packed = b64encode(text).decode("ascii")
    return f"/bin/sh -c 'eval \"$(printf %s {packed} | base64 -d)\"' launcher"
