"""What both sides of the training bench share: sizes, weights, batches, and how steps are asked for.

Needs NumPy only.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

Size = dict[str, float]
"""As tinybert.models.config.ModelConfig has it in JSON."""
SHORT_TOKENS = 0.25
"""The shortest text of a batch, as a part of the longest."""


@dataclass(frozen=True)
class Work:
    """What is trained: sizes of the networks, settings of the optimiser, size of a batch."""

    teacher: Size
    student: Size
    train: dict[str, float]
    batch_size: int
    length: int
    threads: int

    @property
    def tokens(self) -> int:
        """Of one step, padding included."""
        return self.batch_size * self.length

    @classmethod
    def given(cls) -> Work:
        """From the command line."""
        return cls(**json.loads(sys.argv[1]))

    def as_argument(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value of a matrix, float32, by its name: the same on both sides."""
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    return drawn * np.float32(0.02)


def batches(work: Work) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """input_ids, input_mask, segment_ids, each int32 [B, S], without end; texts are of many lengths."""
    rng, shape = np.random.default_rng(0), (work.batch_size, work.length)
    places = np.arange(work.length)
    while True:
        lengths = rng.integers(int(work.length * SHORT_TOKENS), work.length + 1, (work.batch_size, 1))
        mask = places < lengths
        ids = rng.integers(1, work.teacher["vocab_size"], shape) * mask
        segments = (places >= lengths // 2) * mask
        yield ids.astype(np.int32), mask.astype(np.int32), segments.astype(np.int32)


def serve(work: Work, step: Callable[..., float]) -> None:
    """Take as many steps as each line of stdin says, and answer with a line of JSON.

    `step` takes a batch and returns its loss, when all is done. Losses, seconds and CPU seconds by step; at
    the end of stdin the most memory that this process had, in bytes.
    """
    feed = batches(work)
    for line in sys.stdin:
        losses, seconds, cpu = [], [], []
        for _ in range(int(line)):
            batch = next(feed)
            began, used = time.perf_counter(), time.process_time()
            losses.append(step(*batch))
            seconds.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        print(json.dumps({"losses": losses, "seconds": seconds, "cpu": cpu}), flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
