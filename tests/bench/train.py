"""What a step of general distillation costs on CPU: ours beside PyTorch eager, and samples a second by ranks.

    make bench-train TORCH_PYTHON=…/bin/python

Both sides run in processes of their own, which take their steps in turns; the fastest step of each counts.
They have the same weights, batches, losses and optimiser. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tinybert.models.config import PROFILES

from tests.bench.steps import Work

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'jobs'}"}
SAME = 1e-4
"""How far the losses of both sides may lie apart, step by step, where nothing is dropped."""
WARM_UP = 6
"""Steps that are not counted: MindSpore compiles in the first, then tries numbers of threads."""


@dataclass(frozen=True)
class Measured:
    """Of one side: seconds of all steps after the warm-up; losses of all; the most bytes of memory."""

    seconds: list[float]
    cpu: list[float]
    losses: list[float]
    memory: int


class Side:
    """A process that takes steps when it is asked to."""

    def __init__(self, python: str, module: str, work: Work):
        line = [python, "-m", module, work.as_argument()]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(line, cwd=ROOT, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True)
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.losses: list[float] = []

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def take(self, steps: int) -> None:
        """So many steps."""
        print(steps, file=self._process.stdin, flush=True)
        answer = json.loads(self._said())
        self.seconds += answer["seconds"]
        self.cpu += answer["cpu"]
        self.losses += answer["losses"]

    def end(self) -> Measured:
        """All that was measured."""
        self._process.stdin.close()
        return Measured(self.seconds[WARM_UP:], self.cpu[WARM_UP:], self.losses, int(self._said()))

    def _said(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self._process.args[:3])} ended with {self._process.wait()}")
        return line


def main() -> None:
    """Measure, and print Markdown."""
    options = _options()
    for dropout in options.dropout:
        _print_step(_work(options, dropout), dropout, options)
    if options.ranks:
        _print_ranks(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", help="a Python that has torch and NumPy; without one, ours alone")
    parser.add_argument("--profile", choices=PROFILES, default="paper")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--length", type=int, default=128, help="tokens of a text")
    parser.add_argument("--dropout", type=float, nargs="*", default=[0.0, 0.1], help="of the student")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3, help="of each side in each round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--ranks", type=int, nargs="*", default=[1, 2, 4, 8], help="of `make gd-8p`")
    parser.add_argument("--rank-steps", type=int, default=30)
    parser.add_argument("--set", nargs="*", default=[], metavar="A.B=V", help="for `launcher run`")
    return parser.parse_args()


def _work(options: argparse.Namespace, dropout: float) -> Work:
    profile = PROFILES[options.profile]
    teacher, student = profile.teacher.without_dropout(), profile.student.with_dropout(dropout)
    # Without warm-up and decay, so that PyTorch's side needs no schedule to train as ours does.
    rate = profile.general_distill.learning_rate
    train = replace(profile.general_distill, warmup_ratio=0.0, end_learning_rate=rate).to_dict()
    sizes = teacher.to_dict(), student.to_dict()
    return Work(*sizes, train, options.batch_size, options.length, options.threads)


def _print_step(work: Work, dropout: float, options: argparse.Namespace) -> None:
    sides = {"ours": (sys.executable, "tests.bench.train_mindspore")}
    if options.torch_python:
        sides["PyTorch eager"] = (options.torch_python, "tests.bench.train_torch")
    measured = _in_turns(work, sides, options.rounds, options.steps)
    print(f"\n| dropout {dropout} | tokens a second: fastest step, median ", end="")
    print("| least CPU seconds of a step | peak GB | loss: first, last |\n|---|---|---|---|---|")
    for name, each in measured.items():
        print(f"| {name} | {_row(work, each)} |")
    if options.torch_python:
        ours, theirs = measured.values()
        speed, cpu = min(theirs.seconds) / min(ours.seconds), min(theirs.cpu) / min(ours.cpu)
        print(f"\nRatio of the fastest steps: {speed:.2f}; of the least CPU seconds: {cpu:.2f}", flush=True)
        if dropout == 0:
            _check_equal(ours.losses, theirs.losses)


def _row(work: Work, each: Measured) -> str:
    fastest, median = work.tokens / min(each.seconds), work.tokens / statistics.median(each.seconds)
    losses = f"{each.losses[0]:.4f}, {each.losses[-1]:.4f}"
    return f"{fastest:.0f}, {median:.0f} | {min(each.cpu):.2f} | {each.memory / 1e9:.2f} | {losses}"


def _check_equal(ours: list[float], theirs: list[float]) -> None:
    pairs = zip(ours, theirs, strict=True)
    apart = max(abs(own / other - 1) for own, other in pairs)
    print(f"Losses of {len(ours)} steps lie at most {apart:.1e} apart.", flush=True)
    if apart > SAME:
        sys.exit(f"the sides do not train alike: {ours} and {theirs}")


def _in_turns(work: Work, sides: dict[str, tuple[str, str]], rounds: int, steps: int) -> dict[str, Measured]:
    with ExitStack() as stack:
        running = {}
        for name, (python, module) in sides.items():
            running[name] = stack.enter_context(Side(python, module, work))
            running[name].take(WARM_UP)
        for _ in range(rounds):
            for side in running.values():
                side.take(steps)
        return {name: side.end() for name, side in running.items()}


def _print_ranks(options: argparse.Namespace) -> None:
    print("\n| ranks | samples a second of all: fastest step, median |\n|---|---|")
    for ranks in options.ranks:
        rates = _rates(ranks, options.rank_steps, options.set)
        print(f"| {ranks} | {max(rates):.1f}, {statistics.median(rates):.1f} |", flush=True)


def _rates(ranks: int, steps: int, settings: list[str]) -> list[float]:
    """Samples a second of each step of `make gd-8p` but the first ones, which compile and warm up."""
    more = "".join(f" --set '{each}'" for each in settings)
    line = ["make", "-s", "gd-8p", f"RANKS={ranks}", f"STEPS={steps}", f"ARGS=--detach{more}"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(line, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True, check=True).stdout
    run = said.split()[-1]
    subprocess.run([sys.executable, "-m", "launcher", "wait", run], cwd=ROOT, check=True)
    lines = Path(ROOT, "runs", run, "LOG0", "metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(each)["samples_per_second"] for each in lines[WARM_UP:]]


if __name__ == "__main__":
    main()
