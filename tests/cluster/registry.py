"""A registry of images for a while, on this machine: the hosts reach it over the testbed's own network."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from itertools import groupby
from pathlib import Path

import bcrypt
import yaml

PROGRAM = "docker-registry"
USER, PASSWORD = "me", "secret"
STARTS_IN = 30.0
_READ = re.compile(r'(\S+) - - \[.*"GET /v2/')


def is_installed() -> bool:
    """Debian has it in a package of this name."""
    return shutil.which(PROGRAM) is not None


class Registry:
    """One registry; it keeps what it has in `path`. `locked`: only USER with PASSWORD may read and write."""

    def __init__(self, path: Path, address: str, *, locked: bool = False) -> None:
        self.address = f"{address}:5000"
        self._path = path
        self._log = path / "log"
        (path / "data").mkdir(parents=True)
        (path / "config.yml").write_text(yaml.safe_dump(self._config(locked)))
        with self._log.open("w") as log:
            words = [PROGRAM, "serve", str(path / "config.yml")]
            self._process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        self._wait()

    def _config(self, locked: bool) -> dict[str, object]:
        config: dict[str, object] = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(self._path / "data")}},
            "http": {"addr": self.address},
        }
        if locked:
            file = self._path / "htpasswd"
            hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
            file.write_text(f"{USER}:{hashed}\n")
            config["auth"] = {"htpasswd": {"realm": "testbed", "path": str(file)}}
        return config

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_IN
        while "listening on" not in self.log():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"the registry did not start:\n{self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    def readers(self) -> list[str]:
        """Addresses that have read, in order; twice where another has read between."""
        read = [found[1] for line in self.log().splitlines() if (found := _READ.match(line))]
        return [address for address, _ in groupby(read)]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
