"""What the rank script notes of its log, so that `--since` can be answered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.log_runs import make_run


def test_the_rank_script_notes_how_long_its_log_is(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo hello; until [ -e go ]; do sleep 0.05; done; echo more"]
    run = make_run(tmp_path, ranks=1, command=command)
    plan = run.begin()
    text = dict(plan.hosts[0].files)["scripts/rank-0.sh"]
    assert text.count("sleep 5\n") == 1
    log = Path(plan.hosts[0].attempt_dir) / "LOG0"
    script = ["/bin/sh", "-c", text.replace("sleep 5\n", "sleep 0.05\n")]
    with subprocess.Popen(script, env=os.environ, start_new_session=True) as process:
        while not (log / "log.index").exists() or " 6\n" not in (log / "log.index").read_text():
            assert process.poll() is None
        (log / "go").touch()
    assert process.returncode == 0
    times, sizes = zip(*(line.split() for line in (log / "log.index").read_text().splitlines()), strict=True)
    assert sizes[0] in ("0", "6")
    assert sizes[-1] == str((log / "log.txt").stat().st_size) == "11"
    assert list(times) == sorted(times)
