"""`python -m launcher` is the `launcher` command."""

from launcher.cli import main

main()
