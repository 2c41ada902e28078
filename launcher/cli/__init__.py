"""The command line: parses, calls, prints. Every command imports what it needs when it is called."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `launcher` command."""
    from launcher import process

    process.settle()
    from launcher.cli.app import app
    from launcher.errors import LauncherError

    try:
        app(prog_name="launcher")
    except LauncherError as error:
        if "--debug" in sys.argv:
            raise
        from launcher.cli.output import print_error

        print_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output has gone, as in `launcher logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
