"""The events of a run as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from launcher.plan.model import SCHEDULER
from launcher.run.events import Event


class Narrator:
    """Takes events in order; knows the exit code once the run has ended."""

    def __init__(self) -> None:
        self.end: int | None = None
        self.attempt: int | None = None
        """The attempt that is being watched."""
        self._began: float | None = None
        self._ended = 0
        self._ranks = 0

    @property
    def has_begun(self) -> bool:
        """Whether a supervisor has written anything yet."""
        return self._began is not None

    def tell(self, event: Event) -> Iterator[str]:
        """What is worth saying of an event, with the seconds since the first one."""
        if self._began is None:
            self._began = event["time"]
        for text in self.texts(event):
            yield f"{event['time'] - self._began:7.1f} s  {text}"

    def texts(self, event: Event) -> Iterator[str]:
        """The same without the time."""
        kind = event["event"]
        if kind == "supervisor":
            self.end = None
            if event["epoch"] > 1:
                yield "taken over"
        elif kind == "phase":
            yield from self._phase(event)
        elif kind == "started":
            self._ranks, self._ended = event["ranks"], 0
            what = event.get("what", "processes")
            yield f"started {event['ranks']} rank(s): {event['members']} {what} on {event['hosts']} host(s)"
        elif kind == "member":
            yield from self._member(event)
        elif kind in ("error", "warning", "image"):
            yield from _message(event)
        elif kind == "restart":
            yield f"attempt {event['attempt']} in {event['delay']:g} s"
        elif kind == "end":
            self.end = event["exit_code"]

    def _phase(self, event: Event) -> Iterator[str]:
        phase, attempt = event["phase"], event["attempt"]
        self.attempt = attempt if phase == "watch" else None
        yield phase + (f" (attempt {attempt})" if attempt > 1 else "")

    def _member(self, event: Event) -> Iterator[str]:
        """Failures one by one; what ends well is only counted, and the scheduler nobody asks for."""
        if event["state"] == "ended" and event["exit_code"] == 0:
            self._ended += event["key"] != SCHEDULER
            if self._ended == self._ranks and event["key"] != SCHEDULER:
                yield f"all {self._ranks} rank(s) ended with 0"
        elif event["state"] != "running":
            who = event["key"] if event["key"] == SCHEDULER else f"rank {event['key']}"
            code = "" if event["exit_code"] is None else f" with {event['exit_code']}"
            reason = f": {event['reason']}" if event["reason"] else ""
            yield f"{who} on {event['host']} {event['state']}{code}{reason}"


def _message(event: Event) -> Iterator[str]:
    kind = event["event"]
    yield event["message"] if kind == "image" else f"{kind}: {event['message']}"
    if kind == "error" and event.get("hint"):
        yield f"  next: {event['hint']}"
