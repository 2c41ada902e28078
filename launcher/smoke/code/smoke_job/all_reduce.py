"""One rank of `launcher smoke`: meets the others, adds with them, and measures how long that takes.

Python 3.9 or later, MindSpore and NumPy are all that it needs. What it finds is in LAUNCHER_LOG_DIR:
smoke.json, written anew by rename whenever something is added, a line in metrics.jsonl for each size, and
error.json.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .notes import Notes, middle, write_error
from .schedule import Pair, by_host, rounds_of

PAIR_BYTES = {"cpu": 2**20, "ascend": 8 * 2**20}
SECONDS_A_SIZE, SECONDS_A_PAIR = 2.0, 0.5
"""What the repetitions of one size, or of one pair, shall take together."""
LEAST, MOST = 3, 50
"""Repetitions."""
LONGEST = 5.0
"""Seconds of one all-reduce: a size that would take longer is left out."""
PATTERN = 7
"""Values repeat after so many; sums of them stay exact in float32 for 2,000 ranks."""


class SmokeError(RuntimeError):
    """What is wrong with this rank; the message says it in full."""


def repetitions(seconds: float, budget: float) -> int:
    """How often an all-reduce of so many seconds is repeated to fill the budget: 3 to 50 times."""
    return MOST if seconds * MOST <= budget else max(LEAST, int(budget / seconds))


def takes_too_long(size: int, seconds: Mapping[int, float]) -> bool:
    """Whether a size would take more than LONGEST, judged by the smallest and the largest measured."""
    if not seconds:
        return False
    latency, last_size = seconds[min(seconds)], max(seconds)
    return latency + (seconds[last_size] - latency) * size / last_size > LONGEST


def pair_size(device: str, measured: Sequence[int]) -> int:
    """Bytes that pairs exchange: the largest size that all ranks have managed, up to a limit."""
    fitting = [size for size in measured if size <= PAIR_BYTES[device]]
    return max(fitting, default=min(measured))


def reach_scheduler(environ: Mapping[str, str], patience: float) -> None:
    """Wait until the scheduler of the dynamic mode takes connections, `patience` seconds at most.

    MindSpore would wait without saying for whom. Raises SmokeError.
    """
    address = environ["MS_SCHED_HOST"], int(environ["MS_SCHED_PORT"])
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(address, timeout=max(1.0, min(5.0, patience))).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SmokeError(
                    f"rank {environ['RANK_ID']} cannot reach the scheduler, which is with rank 0, at "
                    f"{address[0]} port {address[1]}: {error}; is its host_ip right, is there a firewall?"
                ) from error
            time.sleep(0.2)


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    device: str
    host: str
    sizes: tuple[int, ...]
    patience: float


def options(words: Sequence[str]) -> Options:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="One rank of `launcher smoke`.")
    parser.add_argument("--device", choices=sorted(PAIR_BYTES), required=True)
    parser.add_argument("--host", required=True, help="name of this rank's host; equal for all ranks there")
    parser.add_argument("--sizes", type=int, nargs="+", required=True, help="bytes, multiples of 4")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for the scheduler")
    given = parser.parse_args(words)
    return Options(given.device, given.host, tuple(sorted(given.sizes)), given.patience)


class Circle:
    """Some ranks that add with each other, this one among them. Imports MindSpore."""

    def __init__(self, device: str, ranks: Sequence[int], rank: int, group: str | None = None) -> None:
        import mindspore as ms
        from mindspore import nn, ops

        class Sum(nn.Cell):  # a graph: without one MindSpore needs five times as long for a small sum on CPU
            def __init__(self) -> None:
                super().__init__()
                self.add = ops.AllReduce() if group is None else ops.AllReduce(group=group)

            def construct(self, values: Any) -> Any:
                return self.add(values)

        self._sum = Sum()
        self._tensor = ms.Tensor
        # On CPU a graph returns when it is done, and there is nothing to wait for.
        self._wait: Callable[[], None] = (lambda: None) if device == "cpu" else ms.runtime.synchronize
        self._rank = rank
        self._factor = sum(each + 1 for each in ranks)
        self._ranks = len(ranks)

    def check(self, size: int) -> Any:
        """Add once, and compare with what must come out; the input. Raises SmokeError for a wrong sum."""
        import numpy as np

        pattern = (np.arange(size // 4) % PATTERN + 1).astype(np.float32)
        values = self._tensor(pattern * np.float32(self._rank + 1))
        found = self._sum(values).asnumpy()
        wrong = np.flatnonzero(found != pattern * np.float32(self._factor))
        if wrong.size:
            first = int(wrong[0])
            raise SmokeError(
                f"rank {self._rank}: the sum of {size} bytes over {self._ranks} ranks is wrong in "
                f"{wrong.size} of {pattern.size} values, the first is {first}: {found[first]:g} instead of "
                f"{pattern[first] * self._factor:g}"
            )
        return values

    def repeat(self, values: Any, count: int) -> list[float]:
        """Seconds of each of so many all-reduces, from the call to the result."""
        times = []
        for _ in range(count):
            began = time.perf_counter()
            self._sum(values)
            self._wait()
            times.append(round(time.perf_counter() - began, 7))
        return times

    def agree(self, seconds: float) -> float:
        """The mean of what all ranks measured, in whole milliseconds: equal to the bit on every rank."""
        import numpy as np

        total = self._sum(self._tensor(np.full(2, round(seconds * 1000), np.float32))).asnumpy()
        return float(total[0]) / 1000 / self._ranks


def measure_sizes(world: Circle, notes: Notes, sizes: Sequence[int]) -> dict[int, float]:
    """Seconds by size, as all ranks agree; without those that would take too long."""
    seconds: dict[int, float] = {}
    for index, size in enumerate(sizes):
        if takes_too_long(size, seconds):
            notes.leave_out(sizes[index:])
            say(f"left out, slower than {LONGEST:g} s: {', '.join(map(str, sizes[index:]))} bytes")
            break
        values = world.check(size)
        once = world.agree(world.repeat(values, 1)[0])
        times = world.repeat(values, repetitions(once, SECONDS_A_SIZE))
        seconds[size] = world.agree(middle(times))
        notes.add_size(size, times)
        say(f"{size} bytes: {1000 * middle(times):.3f} ms, {len(times)} times, the sum is right")
    return seconds


def measure_pairs(
    given: Options,
    rank: int,
    world: Circle,
    notes: Notes,
    seconds: Mapping[int, float],
    hosts: list[list[int]],
) -> None:
    """Round after round; no rank begins one before all have ended the last."""
    size = pair_size(given.device, list(seconds))
    count = repetitions(seconds[size], SECONDS_A_PAIR)
    schedule = rounds_of(hosts)
    for number, pairs in enumerate(schedule, 1):
        world.agree(0.0)
        for pair in pairs:
            if rank in pair:
                times = _measure_pair(given.device, pair, rank, size, count)
                if rank == pair[0]:
                    notes.add_pair(pair, size, times)
        say(f"pairs: round {number} of {len(schedule)}")


def _measure_pair(device: str, pair: Pair, rank: int, size: int, count: int) -> list[float]:
    from mindspore.communication import create_group, destroy_group

    group = f"pair-{pair[0]}-{pair[1]}"
    create_group(group, list(pair))
    circle = Circle(device, pair, rank, group)
    values = circle.check(size)
    circle.repeat(values, 1)
    times = circle.repeat(values, count)
    if device == "ascend":  # where a group keeps hundreds of megabytes; on CPU it keeps nothing, and stays
        destroy_group(group)
    return times


def meet(given: Options, rank: int, size: int, notes: Notes) -> None:
    """Import MindSpore and join the others. Raises SmokeError."""
    on_this_host = int(os.environ.get("LAUNCHER_LOCAL_RANKS", size))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // on_this_host)))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    notes.enter("import")
    import mindspore as ms
    from mindspore.communication import get_group_size, get_rank, init

    if "MS_SCHED_HOST" in os.environ:
        notes.enter("scheduler")
        reach_scheduler(os.environ, given.patience)
    notes.enter("join")
    ms.set_device("CPU") if given.device == "cpu" else ms.set_device("Ascend", int(os.environ["DEVICE_ID"]))
    ms.set_context(mode=ms.GRAPH_MODE)
    init()
    if (get_rank(), get_group_size()) != (rank, size):
        raise SmokeError(
            f"MindSpore says rank {get_rank()} of {get_group_size()}, the launcher {rank} of {size}"
        )


def serve() -> None:
    """The scheduler of the dynamic mode: MindSpore ends it when all ranks have left."""
    import mindspore as ms
    from mindspore.communication import init

    ms.set_device("CPU")
    init()


def take_part(given: Options, rank: int, size: int, notes: Notes) -> None:
    """Everything that a rank does."""
    meet(given, rank, size, notes)
    import mindspore as ms
    from mindspore import ops

    say(f"rank {rank} of {size}: all have met")
    notes.enter("sizes")
    world = Circle(given.device, range(size), rank)
    seconds = measure_sizes(world, notes, given.sizes)
    notes.enter("pairs")
    key = zlib.crc32(given.host.encode("utf-8")) >> 1
    keys = ops.AllGather()(ms.Tensor([key], ms.int32)).asnumpy().tolist()
    measure_pairs(given, rank, world, notes, seconds, by_host(keys))
    notes.enter("done")


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def main(words: Sequence[str]) -> int:
    """Run as a rank, or as the scheduler; the exit code. An error leaves error.json."""
    given = options(words)
    if os.environ.get("MS_ROLE") == "MS_SCHED":
        serve()
        return 0
    rank, size = int(os.environ["RANK_ID"]), int(os.environ["RANK_SIZE"])
    directory = Path(os.environ["LAUNCHER_LOG_DIR"])
    try:
        take_part(given, rank, size, Notes(directory, rank))
        return 0
    except SmokeError as error:
        write_error(directory, rank, error)
        say(f"error: {error}")
        return 1
    except Exception as error:
        write_error(directory, rank, error)
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
