"""Hosts that answer as a test says and reject what it did not foresee; a run's ground made of them."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

import yaml

from launcher.check.questions import check_script
from launcher.hosts import Completed, Dial
from launcher.plan.build import plan
from launcher.plan.model import Binding, Owner, Plan
from launcher.remote import script
from launcher.run.course import Course
from launcher.run.events import Event, EventLog, read_events
from launcher.run.ground import Ground
from launcher.run.launch import create_run
from launcher.runtime import runtime_of
from launcher.spec.load import load

NAMES = {
    script(entry.name[: -len(".sh")]): entry.name[: -len(".sh")]
    for entry in files("launcher.remote").iterdir()
    if entry.name.endswith(".sh") and entry.name != "common.sh"
} | {check_script(): "check"}
FENCED = Completed(75, "", "the lease of this run has epoch 9, not 1: another launcher has it\n")

Answer = Completed | str | Exception | Callable[[], str] | Sequence["Answer"]
"""What a script leaves or prints, or how the call fails; several are given in turn, the last for ever."""

WELL = {
    "facts": "uid 7\ngid 8\nboot b\n",
    "show_lease": "0 9999 \n",
    **dict.fromkeys(("take_lease", "exit_code", "lock", "put", "is_there", "start", "stop"), ""),
    **dict.fromkeys(
        ("manifest", "unlock", "finish", "renew", "unpack", "make_private", "remove_secrets"), ""
    ),
    "elapsed": "0\n",
    "clock": lambda: f"{time.time()}\n",
}
"""Answers of a host on which everything works."""


def unpacked(command: str) -> str:
    """The script that a command line runs, its words set before it."""
    packed = command.partition("printf %s ")[2].partition(" ")[0]
    return b64decode(packed).decode("utf-8")


class FakeStream:
    """What a stream says; `wait` keeps it open afterwards."""

    def __init__(self, said: bytes, *, wait: bool = False, error: Exception | None = None) -> None:
        self._read, self._write = os.pipe()
        self._error = error
        os.write(self._write, said or b" "[: bool(error)])
        self._open = wait
        if not wait:
            os.close(self._write)

    def fileno(self) -> int:
        return self._read

    def read(self) -> bytes:
        if self._error is not None:
            raise self._error
        return os.read(self._read, 65536)

    def say(self, more: bytes) -> None:
        """What comes later, of one that waits."""
        os.write(self._write, more)

    def close(self) -> None:
        os.close(self._read)
        if self._open:
            os.close(self._write)


class FakeHost:
    """One host; `calls` are names of scripts, shared by the hosts of a test."""

    def __init__(
        self,
        label: str,
        answers: Mapping[str, Answer],
        streams: Sequence[Callable[[], FakeStream]] = (),
        calls: list[tuple[str, str]] | None = None,
    ) -> None:
        self.label = label
        self.answers = {
            name: list(each) if isinstance(each, (list, tuple)) else [each] for name, each in answers.items()
        }
        self.streams = list(streams)
        self.calls = [] if calls is None else calls
        self.words: dict[str, tuple[str, ...]] = {}
        self.files: dict[str, tuple[bytes, int]] = {}
        self.heard = threading.Condition()

    def run(
        self,
        script: str,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        out: BinaryIO | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        name = NAMES[script]
        self._note(name, words)
        if name == "put":
            assert isinstance(stdin, bytes)
            self._take(words[2], stdin)
        assert name in self.answers, f"host {self.label} was not told what {name} does"
        waiting = self.answers[name]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Completed):
            return answer
        said = answer() if callable(answer) else answer
        if out is not None:
            out.write(said.encode())
            said = ""
        return Completed(0, said, "")

    def stream(self, script: str, *words: str) -> FakeStream:
        self._note(NAMES[script], words)
        assert self.streams, f"host {self.label} was not told of one more stream"
        return self.streams.pop(0)()

    def dial(self, script: str, *words: str, timeout: float = 60.0) -> Dial:
        raise AssertionError(f"host {self.label} has no Docker")

    def _take(self, target: str, archive: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for entry in files:
                content = files.extractfile(entry)
                assert content is not None
                self.files[f"{target}/{entry.name}"] = content.read(), entry.mode

    def close(self) -> None:
        self._note("close", ())

    def _note(self, name: str, words: tuple[str, ...]) -> None:
        with self.heard:
            self.calls.append((self.label, name))
            self.words[name] = words
            self.heard.notify_all()

    def called(self, name: str) -> int:
        """How often a script ran here."""
        return self.calls.count((self.label, name))


def says(text: str, **how: object) -> Callable[[], FakeStream]:
    """A stream that says a text."""
    return lambda: FakeStream(text.encode(), **how)  # type: ignore[arg-type]


def breaks(error: Exception) -> Callable[[], FakeStream]:
    """A stream that does not come about."""

    def stream() -> FakeStream:
        raise error

    return stream


class FakeRun:
    """A run of one rank on each of some hosts that do not exist."""

    def __init__(self, path: Path, labels: Sequence[str] = ("alpha", "beta"), **job: object) -> None:
        cluster = {
            "schema": 1,
            "name": "far",
            "device": "cpu",
            "runtime": "docker",
            "devices": "0",
            "work_dir": "/w",
            "hosts": [{"address": label, "host_ip": f"10.0.0.{n}"} for n, label in enumerate(labels, 1)],
        }
        base = {
            "schema": 1,
            "name": "t",
            "ranks": len(labels),
            "launch": "none",
            "command": ["true"],
            "image": "i:1",
        }
        (path / "cluster.yaml").write_text(yaml.safe_dump(cluster))
        (path / "job.yaml").write_text(yaml.safe_dump({**base, **job}))
        told = dict.fromkeys(job.get("secrets", ()), "a secret")  # type: ignore[call-overload]
        self.spec = load(path / "cluster.yaml", path / "job.yaml", environ={"HOME": "/", **told})
        self.directory = create_run(self.spec, ())
        self.calls: list[tuple[str, str]] = []
        owners = {label: Owner(uid="7", gid="8") for label in labels}
        self.draft = plan(self.spec, Binding(run_id=self.directory.run_id, owners=owners))
        self.hosts = {label: FakeHost(label, WELL, (), self.calls) for label in labels}
        for key, host in enumerate(self.hosts.values()):
            host.streams = [says(f"running {key} 5\nend {key} 0 1.0 own \n")]
        self.log = EventLog(self.directory.events)
        self.course = Course(self.log)

    def answer(self, label: str, **answers: Answer) -> None:
        """What else a host answers; a name that is no script fails."""
        assert set(answers) <= set(NAMES.values())
        fresh = FakeHost(label, answers)
        self.hosts[label].answers |= fresh.answers

    def ground(self, epoch: int = 1) -> Ground:
        """As a supervisor sees the run."""
        return Ground(
            directory=self.directory,
            spec=self.spec,
            draft=self.draft,
            hosts=self.hosts,
            runtime=runtime_of("process"),
            owner="ann@desk 1 2 boot",
            epoch=epoch,
            course=self.course,
        )

    def bound(self, attempt: int = 1) -> Plan:
        """The plan of an attempt, stored as begun."""
        from launcher.plan import store

        bound = plan(self.spec, replace(self.draft.binding, attempt=str(attempt)))
        self.directory.attempt(attempt).mkdir()
        self.directory.plan(attempt).write_bytes(store.to_json(bound))
        return bound

    def events(self) -> list[Event]:
        """What has been told."""
        return read_events(self.directory.events)[0]

    def phases(self) -> list[str]:
        """The phases so far."""
        return [event["phase"] for event in self.events() if event["event"] == "phase"]

    def count(self, name: str) -> int:
        """How often a script ran on all hosts."""
        return sum(called == name for _, called in self.calls)

    def close(self) -> None:
        """Nothing more is told."""
        self.log.close()
