"""Give labels to texts by a model: a model directory of a task, or one that was exported as MindIR or ONNX.

Texts are the arguments, else the lines of --input or stdin; for a task on pairs, two texts with a tab between
them. stdout has a line for each, in the same order: label, probability and text with tabs between them, or
with --json an object. ONNX needs onnxruntime, the others MindSpore.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tinybert.delivery.description import add_text_options
from tinybert.delivery.exported import ONNX, Shape
from tinybert.delivery.prediction import TaskModel, Texts, answers, open_task_model, read_texts
from tinybert.records.outputs import require_not_input
from tinybert.stages.artifacts import written_by_rename
from tinybert.stages.options import positive_int
from tinybert.stages.rank import Rank, start
from tinybert.stages.stage import Progress, StageError, require_one_task, run_stage, say
from tinybert.tasks.features import Counts
from tinybert.text.lines import lines_of, read_lines, require_file

_STDIN = Path("-")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. Raises StageError on what the user can mend."""
    options = _parser().parse_args(arguments)
    require_one_task()
    rank = Rank.from_environment(options.device)
    if options.out is not None:
        _require_free(options)
    model = open_task_model(options.model, options.vocab, options.task, options.lower_case)
    texts = _texts(options, model.target.task)
    shape = batch_shape(model, rank, options.batch_size)
    if model.format != ONNX:
        start(rank, seed=0)
    maker, runner = model.record_maker(), model.runner(shape)
    progress = Progress()
    with _sink(options.out) as sink:
        for batch in answers(model.target, maker, runner, texts, shape, options.batch_size):
            lines = [each.as_json() if options.json else each.as_text() for each in batch]
            sink.write("".join(f"{line}\n" for line in lines).encode())
            sink.flush()
            progress.report("{} texts", maker.counts.rows)
    _report(maker.counts)


def batch_shape(model: TaskModel, rank: Rank, batch_size: int) -> Shape:
    """The shape of batches: that of the graph, else any; Ascend, which compiles each, gets one of its own."""
    if rank.device == "CPU" or model.shape.is_fixed:
        return model.shape
    return Shape(batch_size, model.description.max_seq_length)


def _require_free(options: argparse.Namespace) -> None:
    """Raise StageError where the output would replace what is read."""
    require_not_input(options.out, "input", options.input)
    require_not_input(options.out, "model", *options.model.glob("*"))
    if options.vocab is not None:
        require_not_input(options.out, "vocabulary", options.vocab)


def _texts(options: argparse.Namespace, task: str) -> Iterator[Texts]:
    if options.text:
        return iter(list(read_texts(map(_utf8, options.text), "argument", task)))
    if options.input == _STDIN:
        return read_texts(lines_of(sys.stdin.buffer, "stdin"), "stdin", task)
    require_file(options.input, "input")
    return read_texts(read_lines(options.input), str(options.input), task)


def _utf8(text: str) -> str:
    """The argument. Raises StageError where its bytes are no UTF-8, which Python keeps as surrogates."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise StageError(f"argument {text!r} is not UTF-8")
    return text


@contextmanager
def _sink(out: Path | None) -> Iterator[BinaryIO]:
    """A file that appears when all is written, or stdout."""
    if out is None:
        yield sys.stdout.buffer
    else:
        with written_by_rename(out) as file:
            yield file


def _report(counts: Counts) -> None:
    """Say how many there were, and what of them the model has not seen."""
    notes = [
        f"{number} {what}"
        for number, what in (
            (counts.truncated, "cut off at the longest length"),
            (counts.rows_without_text, "with nothing to read"),
        )
        if number
    ]
    share = f"{counts.unknown_tokens / max(1, counts.tokens):.2%} of the tokens [UNK]"
    say(", ".join([f"{counts.rows} text{'s' * (counts.rows != 1)}", *notes, share]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinybert.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", required=True, type=Path, metavar="DIR", help="of finetune, task_distill or export")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--input", type=Path, default=_STDIN, metavar="FILE", help="default: -, stdin")
    source.add_argument("text", nargs="*", default=[], metavar="TEXT")
    add("--out", type=Path, metavar="FILE", help="written when all is done (default: stdout)")
    add("--json", action="store_true", help="a JSON object for each text")
    add("--batch-size", type=positive_int, default=32, metavar="N", help="texts at once (default: 32)")
    add_text_options(parser)
    add("--device", choices=("auto", "cpu", "ascend"), default="auto", help="of MindSpore (default: auto)")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `predict … | head` ends without a traceback
    sys.exit(run_stage(main))
