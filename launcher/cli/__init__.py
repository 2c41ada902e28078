"""The command line: parses, calls, prints. Every command imports what it needs when it is called."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launcher.errors import LauncherError


def main() -> None:
    """Entry point of the `launcher` command."""
    from launcher import process

    process.settle()
    from launcher.cli.app import app
    from launcher.errors import LauncherError

    try:
        app(prog_name="launcher")
    except BrokenPipeError:  # the reader of our output has gone, as in `launcher logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (LauncherError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        from launcher.cli.output import print_error

        told = _as_told(error) if isinstance(error, OSError) else error
        print_error(told)
        sys.exit(told.exit_code)


def _as_told(error: OSError) -> LauncherError:
    """A file or directory that the system refuses."""
    import errno

    from launcher.errors import UsageError

    reason = error.strerror or str(error)
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return UsageError(
        reason if error.filename is None else f"{error.filename}: {reason}",
        hint="make room there"
        if is_full
        else "runs are kept where LAUNCHER_RUNS says; --debug shows where this came from",
    )
