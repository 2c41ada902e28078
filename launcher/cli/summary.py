"""The end of a run, as a person reads it."""

from __future__ import annotations

import json
from typing import Any

from launcher.plan.layout import log_name
from launcher.run.rundir import RunDir

_TAIL = 12


def print_result(directory: RunDir) -> None:
    """What result.json says: outcome, first failure with its last words, loss, speed, time of each phase."""
    result = json.loads(directory.result.read_text("utf-8"))
    print(f"\nrun {result['run']}: {result['outcome']} (exit code {result['exit_code']})")
    attempts = result["attempts"]
    if attempts and attempts[-1]["failure"]:
        _print_failure(directory, attempts[-1])
    metrics = result["metrics"]
    if "loss_first" in metrics:
        print(
            f"  loss     {metrics['loss_first']:.4f} at the start, {metrics['loss_last']:.4f} after {metrics['steps']} steps"
        )
    if "samples_per_second" in metrics:
        print(f"  speed    {metrics['samples_per_second']:g} samples/s")
    seconds = result["seconds"]
    print("  seconds  " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
    print(f"  logs     {directory.path}/LOG0 ..." if attempts else f"  events   {directory.events}")


def _print_failure(directory: RunDir, attempt: dict[str, Any]) -> None:
    failure = attempt["failure"]
    key, host = failure["key"], failure["host"]
    others = [
        member for member in attempt["members"] if member["key"] != key and member["state"] == "stopped"
    ]
    print(
        f"  first    rank {key} on {host} {failure['state']}, exit code {failure['exit_code']} {failure['reason']}".rstrip()
    )
    print(f"           {len(others)} other members were stopped by the launcher")
    log = directory.log(attempt["number"], key)
    error = _read_json(log / "error.json")
    if error:
        print(f"  error    {error.get('type')}: {error.get('message')}")
    print(f"  last lines of {log.name}/log.txt:")
    for line in _tail(log / "log.txt"):
        print(f"    {line}")


def _read_json(path: Any) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def _tail(path: Any) -> list[str]:
    try:
        return list(path.read_text("utf-8", "replace").splitlines()[-_TAIL:])
    except FileNotFoundError:
        return [f"(no {log_name('?')} was collected)"]
