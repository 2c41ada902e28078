"""The process that supervises a run: `python -m launcher.run RUNDIR`."""

import sys

from launcher import process

process.settle()

from launcher.run.supervisor import main  # noqa: E402  after the line that makes this import cheaper

sys.exit(main())
