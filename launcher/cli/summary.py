"""The end of a run, as a person reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from launcher.run.rundir import RunDir

_TAIL = 12
_TAIL_BYTES = 65536


def print_result(directory: RunDir) -> None:
    """What result.json says: outcome, first failure with its last words, loss, speed, time of each phase."""
    result = directory.read(directory.result)
    attempts, metrics = result["attempts"], result["metrics"]
    print(f"\nrun {result['run']}: {result['outcome']} (exit code {result['exit_code']})")
    if attempts and attempts[-1]["failure"]:
        _print_failure(directory, attempts[-1])
    if "loss_first" in metrics:
        first, last = metrics["loss_first"], metrics["loss_last"]
        print(f"  loss     {first:.4f} at the start, {last:.4f} after {metrics['steps']} steps")
    if "samples_per_second" in metrics:
        print(f"  speed    {metrics['samples_per_second']:g} samples/s")
    print("  seconds  " + ", ".join(f"{name} {value:.1f}" for name, value in result["seconds"].items()))
    print(f"  files    {_shown(directory.path)}: {', '.join(_files(directory, has_logs=bool(attempts)))}")


def _files(directory: RunDir, *, has_logs: bool) -> list[str]:
    """What there is to look at."""
    checkpoints = directory.checkpoints
    has_checkpoints = checkpoints.is_dir() and any(checkpoints.iterdir())
    return [*["LOG<rank>/"] * has_logs, *["ckpt/"] * has_checkpoints, "result.json"]


def _shown(path: Path) -> Path:
    """Relative where that is shorter to read."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _print_failure(directory: RunDir, attempt: dict[str, Any]) -> None:
    failure = attempt["failure"]
    key, host = failure["key"], failure["host"]
    stopped = sum(member["state"] == "stopped" for member in attempt["members"])
    others = [member for member in attempt["members"] if member["key"] != key]
    also = sum(member["state"] in ("ended", "gone") and member["exit_code"] != 0 for member in others)
    code = "" if failure["exit_code"] is None else f" with exit code {failure['exit_code']}"
    reason = f" ({failure['reason']})" if failure["reason"] else ""
    print(f"  first    rank {key} on {host} {failure['state']}{code}{reason}")
    print(f"           after it {also} failed by themselves, {stopped} were stopped by the launcher")
    for rival in attempt["rivals"]:
        after = rival["ended"] - failure["ended"]
        who = f"rank {rival['key']} on {rival['host']}"
        print(f"           order not certain: {who} failed {after:.3f} s later, and the clocks of")
        print("           the two hosts are not known that well")
    log = directory.log(attempt["number"], key)
    error = _read_json(log / "error.json")
    if error:
        print(f"  error    {error.get('type')}: {error.get('message')}")
    print(f"  last lines of {_shown(log)}/log.txt:")
    for line in _tail(log / "log.txt"):
        print(f"    {line}")


def _read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where the job has left none, or something else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _tail(path: Path) -> list[str]:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-_TAIL:]
    except FileNotFoundError:
        return ["(not collected)"]
