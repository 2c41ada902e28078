"""Progress of a training: a line for a person, and one in metrics.jsonl for the launcher."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tinybert.training.plan import StepPlan


class MetricsLog:
    """Writes step, epoch, loss, learning rate and global samples per second, each line at once."""

    def __init__(self, log_dir: Path, plan: StepPlan, global_batch: int, start_step: int):
        log_dir.mkdir(parents=True, exist_ok=True)
        self._path = log_dir / "metrics.jsonl"
        self._plan = plan
        self._global_batch = global_batch
        self._last_step = start_step
        self._last_time = time.monotonic()

    def log(self, step: int, values: dict[str, float]) -> None:
        """Record `step` (steps done so far) with `values`: loss, lr and what else the loss cell measures.

        The rate counts the steps since the last line; the first line includes compilation.
        """
        now = time.monotonic()
        rate = (step - self._last_step) * self._global_batch / (now - self._last_time)
        self._last_step, self._last_time = step, now
        epoch = step / self._plan.steps_per_epoch
        record = {"step": step, "epoch": epoch, **values, "samples_per_second": rate, "time": time.time()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        print(
            f"step {step}/{self._plan.total_steps}  epoch {epoch:.2f}  {numbers}  {rate:.1f} samples/s",
            flush=True,
        )
