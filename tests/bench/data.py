"""What pretraining data costs: CPU seconds and memory by size of text, beside Google's script and tokenizers.

Text and vocabulary are given. Larger texts are the same documents again, in another order each time.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
WIKIPEDIA_MB = 14_000
GOOGLE = """
import runpy, sys
import tensorflow.compat.v1 as tf
sys.modules["tensorflow"] = tf  # the script is of TensorFlow 1
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TOKENIZE = """
import sys, time
from pathlib import Path
text, vocabulary, which = sys.argv[1:]
if which == "tokenizers":
    from tokenizers import BertWordPieceTokenizer
    run = BertWordPieceTokenizer(vocabulary, lowercase=True).encode_batch
    given = Path(text).read_text("utf-8").split("\\n")
else:
    from tinybert.flat_corpus import CorpusReader, blocks_of
    from tinybert.tokenization import load_vocabulary
    reader = CorpusReader(load_vocabulary(Path(vocabulary)), True)
    reader.read([b"warm up\\n"])
    run, given = reader.read, blocks_of([Path(text)])
began = time.process_time()
run(given)
print(time.process_time() - began)
"""


@dataclass(frozen=True)
class Used:
    """CPU seconds of a process and its children, the most MB of one, seconds."""

    cpu: float
    memory: float


def main() -> None:
    """Measure, and print Markdown."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        texts = {size: _text(options.text, size, Path(directory)) for size in options.sizes}
        _ours(texts[min(options.sizes)], options.vocab)  # compiles, if it is the first time
        ours = {size: _ours(text, options.vocab) for size, text in texts.items()}
        largest = max(options.sizes)
        stream = _ours(texts[largest], options.vocab, "--stream")
        _print_growth(ours, stream, largest)
        if options.reference:
            two = sorted(options.sizes)[:2]
            _print_ratios(ours, {size: _google(options, texts[size]) for size in two})
        else:
            print("\nNot compared with google-research/bert: REFERENCE= names no checkout of it.")
        _print_tokenizers(texts[min(options.sizes)], options.vocab)
        _print_wikipedia(stream.cpu / largest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True, help="a sentence a line, blank between documents")
    parser.add_argument("--vocab", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100], metavar="MB")
    parser.add_argument("--reference", help="checkout of google-research/bert")
    parser.add_argument("--reference-python", default=sys.executable, help="a Python that has TensorFlow")
    return parser.parse_args()


def _text(source: Path, size: int, directory: Path) -> Path:
    """So many MB of the documents, shuffled each time that they come again."""
    documents = source.read_text("utf-8").split("\n\n")
    rng, path, left = random.Random(size), directory / f"{size}.txt", size * 1_000_000
    with path.open("wb") as file:
        while left > 0:
            rng.shuffle(documents)
            for document in documents:
                left -= file.write(f"{document}\n\n".encode())
                if left <= 0:
                    break
    return path


def _ours(text: Path, vocabulary: Path, *more: str) -> Used:
    with tempfile.TemporaryDirectory() as out:
        words = [f"--corpus={text}", f"--vocab={vocabulary}", f"--out={out}/made", "--dupe-factor=5", *more]
        return _measure([sys.executable, "-m", "tinybert.pretraining_data", *words])


def _google(options: argparse.Namespace, text: Path) -> Used:
    with tempfile.TemporaryDirectory() as out:
        script = Path(options.reference, "create_pretraining_data.py")
        flags = [f"--input_file={text}", f"--output_file={out}/made", f"--vocab_file={options.vocab}"]
        line = [options.reference_python, "-c", GOOGLE, options.reference, str(script), *flags]
        return _measure([*line, "--dupe_factor=5", "--max_seq_length=128", "--max_predictions_per_seq=20"])


def _measure(line: list[str]) -> Used:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(line, env=_environment(), stdout=quiet, stderr=quiet)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(line)} ended with {process.returncode}")
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(JOBS), "TOKENIZERS_PARALLELISM": "false"}


def _print_growth(ours: dict[int, Used], stream: Used, largest: int) -> None:
    print("| MB of text | CPU seconds | a MB | peak MB |\n|---|---|---|---|")
    for size, used in ours.items():
        print(f"| {size} | {used.cpu:.2f} | {used.cpu / size:.3f} | {used.memory:.0f} |")
    text = f"| {largest}, `--stream` | {stream.cpu:.2f} | {stream.cpu / largest:.3f} |"
    print(f"{text} {stream.memory:.0f} a process |")


def _print_ratios(ours: dict[int, Used], google: dict[int, Used]) -> None:
    print("\n| google-research/bert | CPU seconds | ours | ratio | peak MB |\n|---|---|---|---|---|")
    for size, used in google.items():
        mine = ours[size].cpu
        print(f"| {size} MB | {used.cpu:.1f} | {mine:.2f} | {used.cpu / mine:.1f} | {used.memory:.0f} |")
    small, large = google
    theirs, mine = (each[large].cpu - each[small].cpu for each in (google, ours))
    print(
        f"| {small} to {large} MB, start-up taken out | {theirs:.1f} | {mine:.2f} | {theirs / mine:.1f} | |"
    )


def _print_tokenizers(text: Path, vocabulary: Path) -> None:
    megabytes = text.stat().st_size / 1e6
    print("\n| tokenisation alone, one thread | MB per CPU second |\n|---|---|")
    for which in ("ours", "tokenizers"):
        line = [sys.executable, "-c", TOKENIZE, str(text), str(vocabulary), which]
        said = subprocess.run(line, env=_environment(), capture_output=True, text=True, check=True).stdout
        print(f"| {which} | {megabytes / float(said):.1f} |")


def _print_wikipedia(cpu: float) -> None:
    hours = cpu * WIKIPEDIA_MB / 3600
    print(f"\nEnglish Wikipedia ({WIKIPEDIA_MB:,} MB), worked out from that: {hours:.2f} core hours;")
    for hosts in (1, 10):
        print(f"{hosts} host(s) of 64 cores: {hours / 64 / hosts * 60:.2f} minutes of computing.")


if __name__ == "__main__":
    main()
