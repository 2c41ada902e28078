"""What tests of `launcher check` share: a job that all hosts can do, faults, and what is found of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from launcher.errors import ExitCode

Found = tuple[str, str, str]
"""Host, check, level."""


class Checks:
    """`launcher check` of a job with one rank on each of two hosts."""

    def __init__(self, place: Any) -> None:
        self.place = place
        self.bed = place.bed
        self.job: dict[str, Any] = {"ranks": 2, "placement": "spread"}

    def run(self, *words: str, **job: Any) -> Any:
        """The command, with its output as people see it."""
        file = self.place.job("true", **{**self.job, **job})
        return self.place.launcher("check", file, "-c", self.place.cluster, *words)

    def findings(self, *words: str, **job: Any) -> list[dict[str, Any]]:
        """What is found; the exit code must be that of the worst of it."""
        done = self.run("--json", *words, **job)
        assert done.stdout, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        is_wrong = any(each["level"] == "error" for each in found)
        assert done.returncode == (ExitCode.CHECK_FAILED if is_wrong else ExitCode.OK), found
        return found

    def assert_found(
        self, expected: set[Found], *words: str, options: tuple[str, ...] = (), **job: Any
    ) -> None:
        """Exactly these findings, whose words and remedies together hold all of `words`."""
        found = self.findings(*options, **job)
        assert {(each["host"], each["rule"], each["level"]) for each in found} == expected, found
        said = "\n".join(f"{each['words']}\n{each['remedy']}" for each in found)
        assert [word for word in words if word not in said] == [], said

    def assert_good(self, *options: str, **job: Any) -> None:
        """Nothing is found."""
        assert self.findings(*options, **job) == []

    @contextmanager
    def stand_in(self, host: str, program: str, text: str) -> Iterator[None]:
        """A program on a host that stands before the real one."""
        path = f"/usr/local/bin/{program}"
        self.put(host, path, f"#!/bin/sh\n{text}\n", mode="755")
        try:
            yield
        finally:
            self.bed.exec(host, f"rm -f {path}")

    def put(self, host: str, path: str, text: str, *, mode: str = "644") -> None:
        """A file on a host; its text ends with a line break."""
        self.bed.exec(
            host,
            f"mkdir -p {Path(path).parent} && cat >{path} <<'END'\n{text.rstrip()}\nEND\nchmod {mode} {path}",
        )

    @contextmanager
    def doing(self, host: str, fault: str, undo: str) -> Iterator[None]:
        """A shell line on a host, and later the one that takes it back."""
        self.bed.exec(host, fault)
        try:
            yield
        finally:
            self.bed.exec(host, undo)

    @contextmanager
    def program(self, host: str, words: str) -> Iterator[int]:
        """A program that runs on a host; gives its process id there."""
        pid = int(self.bed.exec(host, f"setsid {words} >/dev/null 2>&1 </dev/null & echo $!"))
        try:
            yield pid
        finally:
            self.bed.exec(host, f"kill -KILL {pid}", check=False)
