"""Follows a run by its events; the run does not notice whether anybody does."""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Iterable
from typing import Any

from launcher.cli.output import print_json, say
from launcher.cli.summary import print_result
from launcher.errors import ExitCode, LostContact
from launcher.run.events import Event, read_events
from launcher.run.rundir import RunDir

_TICK = 0.1
_START = 30.0
"""Seconds for a supervisor to show itself."""


def follow(directory: RunDir, *, json: bool = False, quiet: bool = False) -> int:
    """Show a run until it ends; returns its exit code, or 130 on Ctrl-C, which ends nothing but this.

    Raises LostContact when the supervisor is gone without an end.
    """
    try:
        code = _until_end(directory, quiet=quiet or json)
    except KeyboardInterrupt:
        name = directory.run_id
        say(f"\ndetached: the job goes on. launcher attach {name} | launcher cancel {name}")
        return int(ExitCode.DETACHED)
    if json:
        print_json(
            json_module.loads(directory.result.read_text("utf-8")) if directory.result.exists() else {}
        )
    elif directory.result.exists():
        print_result(directory)
    return code


def _until_end(directory: RunDir, *, quiet: bool) -> int:
    narrator = Narrator(quiet=quiet)
    offset, began = 0, time.monotonic()
    while True:
        supervised = directory.is_supervised()  # before reading: what it wrote before it went is read below
        events, offset = read_events(directory.events, offset)
        narrator.tell(events)
        if not supervised and narrator.end is not None:
            return int(narrator.end)
        if not supervised and time.monotonic() - began > (2.0 if narrator.heard else _START):
            raise LostContact(
                f"the supervisor of {directory.run_id} is gone; its ranks may still run",
                hint=f"launcher attach {directory.run_id} takes the run over, launcher cancel ends it",
            )
        time.sleep(_TICK)


class Narrator:
    """Events as lines for people; knows the exit code once the run has ended."""

    def __init__(self, *, quiet: bool) -> None:
        self.end: int | None = None
        self.heard = False
        self._quiet = quiet
        self._began: float | None = None
        self._running: set[str] = set()

    def tell(self, events: Iterable[Event]) -> None:
        """Say what is worth saying."""
        for event in events:
            self._began = event["time"] if self._began is None else self._began
            self.heard = True
            line = self._line(event)
            if line and not self._quiet:
                say(f"{event['time'] - self._began:7.1f} s  {line}")

    def _line(self, event: Event) -> str:
        kind = event["event"]
        if kind == "end":
            self.end = event["exit_code"]
        elif kind == "supervisor":
            self.end = None
        lines = {
            "supervisor": self._on_supervisor,
            "phase": self._on_phase,
            "member": self._on_member,
            "error": self._on_error,
            "warning": self._on_warning,
            "restart": self._on_restart,
        }
        return lines[kind](event) if kind in lines else ""

    def _on_supervisor(self, event: Event) -> str:
        return "taken over" if event["epoch"] > 1 else ""

    def _on_phase(self, event: Event) -> str:
        attempt = event["attempt"]
        return event["phase"] + (f" (attempt {attempt})" if attempt > 1 else "")

    def _on_member(self, event: Event) -> str:
        who = "scheduler" if event["key"] == "scheduler" else f"rank {event['key']}"
        if event["state"] == "running":
            self._running.add(event["key"])
            return ""
        code = "" if event["exit_code"] is None else f", exit code {event['exit_code']}"
        reason = f": {event['reason']}" if event["reason"] else ""
        return f"{who} on {event['host']} {event['state']}{code}{reason}"

    def _on_error(self, event: Event) -> str:
        return f"error: {event['message']}"

    def _on_warning(self, event: Event) -> str:
        return f"warning: {event['message']}"

    def _on_restart(self, event: Event) -> str:
        return f"attempt {event['attempt']} in {event['delay']:g} s"


def as_line(event: dict[str, Any]) -> str:
    """One event as `describe` shows it."""
    return Narrator(quiet=True)._line(event)
