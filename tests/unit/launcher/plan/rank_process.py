"""A rank of a plan, started by its script alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher.plan.model import Binding

ENDED = 30.0
SHELLS = ["/bin/sh", *filter(None, [shutil.which("bash")])]
SHOW = "import json, os, sys; json.dump([sys.argv[1:], dict(os.environ)], open('seen.json', 'w'))"
BINDING = Binding(run_id="work-20260101-0a1b2c", attempt="1")


class Rank:
    """A rank of a plan on this machine, started by its script alone; the script looks about every 0.1 s."""

    def __init__(self, plans: Any, directory: Path) -> None:
        self.plans = plans
        self.directory = directory
        self.started: list[subprocess.Popen[bytes]] = []
        tools = directory / "tools"
        tools.mkdir()
        (tools / "sleep").write_text(
            f'#!/bin/sh\n[ "$1" != 5 ] || set -- 0.1\nexec {shutil.which("sleep")} "$@"\n', "utf-8"
        )
        (tools / "sleep").chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"

    def start(
        self,
        job: dict[str, Any],
        shell: str = "sh",
        cluster: dict[str, Any] | None = None,
        **environ: str,
    ) -> subprocess.Popen[bytes]:
        place = {"work_dir": str(self.directory / "work"), **(cluster or {})}
        made = self.plans.plan({"ranks": 2, "launch": "none", **job}, place, binding=BINDING)
        host = made.hosts[0]
        self.attempt = Path(host.attempt_dir)
        self.log = self.attempt / "LOG0"
        self.state = self.attempt / "state"
        self.lease = Path(host.run_dir) / "lease"
        for path in host.directories:
            Path(path).mkdir(parents=True, exist_ok=True)
        for name, text in made.files_of(host).items():
            (self.attempt / name).parent.mkdir(exist_ok=True)
            (self.attempt / name).write_text(text, "utf-8")
        self.identity = {
            "LAUNCHER_RUN": "work-20260101-0a1b2c",
            "LAUNCHER_RANK": "0",
            "LAUNCHER_ATTEMPT": "1",
        }
        process = subprocess.Popen(
            [shell, str(self.attempt / "scripts/rank-0.sh")],
            env={"PATH": self.path, "HOME": str(self.directory), **self.identity, **environ},
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, *args: Any, **kwargs: Any) -> int:
        return self.start(*args, **kwargs).wait(ENDED)

    def line(self, text: str, **job: Any) -> dict[str, Any]:
        """A job whose command is a line of shell."""
        return {"command": ["sh", "-c", text], **job}

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + ENDED
        while not condition():
            assert time.monotonic() < deadline, (self.log / "log.txt").read_text("utf-8", "replace")
            time.sleep(0.02)

    def fail_another(self) -> None:
        (self.state / "1.end").write_text("1 1.0\n", "utf-8")

    @property
    def text(self) -> str:
        return (self.log / "log.txt").read_text("utf-8")

    @property
    def exit_code(self) -> str:
        return (self.log / "exit_code").read_text("utf-8").strip()

    @property
    def end(self) -> str:
        return (self.state / "0.end").read_text("utf-8").split()[0]

    @property
    def seen(self) -> tuple[list[str], dict[str, str]]:
        words, environ = json.loads((self.log / "seen.json").read_text("utf-8"))
        return words, environ
