"""What data costs: CPU seconds and memory by size, beside Google's script, tokenizers and wikiextractor.

Text and vocabulary are given. Larger texts are the same documents again, in another order each time. What is
compared runs in turns, so that a load on the machine meets both; ours is the median of three.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

JOBS = Path(__file__).parents[2] / "jobs"
WIKIPEDIA_MB = 14_000
BEGIN, END = "<!-- make bench-data -->\n", "<!-- end -->\n"
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
    from tinybert.text.flat_corpus import CorpusReader, blocks_of
    from tinybert.text.tokenization import load_vocabulary
    reader = CorpusReader(load_vocabulary(Path(vocabulary)), True)
    reader.read([b"warm up\\n"])
    run, given = reader.read, blocks_of([Path(text)])
began = time.process_time()
run(given)
print(time.process_time() - began)
"""


@dataclass(frozen=True)
class Used:
    """CPU seconds of a process and its children, the most MB of one of them."""

    cpu: float
    memory: float


def main() -> None:
    """Measure, print Markdown, and put it into a file on request."""
    options = _options()
    lines = []
    for line in _measured(options):
        print(line, flush=True)
        lines.append(f"{line}\n")
    if options.write:
        before, _, rest = options.write.read_text("utf-8").partition(BEGIN)
        _, mark, after = rest.partition(END)
        if not mark:
            sys.exit(f"{options.write} lacks the lines {BEGIN.strip()} and {END.strip()}")
        options.write.write_text(f"{before}{BEGIN}{''.join(lines)}{END}{after}", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--text", type=Path, required=True, help="a sentence a line, blank between documents")
    add("--vocab", type=Path, required=True)
    add("--sizes", type=float, nargs="+", default=[1, 2.6, 10, 100], metavar="MB")
    add("--dump", type=Path, help="a Wikipedia dump: `extract` is compared with wikiextractor")
    add("--reference", help="checkout of google-research/bert")
    add("--reference-python", default=sys.executable, help="a Python that has TensorFlow")
    add("--reference-sizes", type=float, nargs="+", default=[2.6, 10], metavar="MB")
    add("--write", type=Path, help=f"file that gets it between the lines {BEGIN.strip()} and {END.strip()}")
    return parser.parse_args()


def _measured(options: argparse.Namespace) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        sizes = sorted({*options.sizes, *(options.reference_sizes if options.reference else ())})
        texts = {size: _text(options.text, size, Path(directory)) for size in sizes}
        _ours(texts[sizes[0]], options.vocab)  # compiles, if it is the first time
        yield f"Load before: {os.getloadavg()[0]:.0f}."
        ours, google = {}, {}
        for size, text in texts.items():
            before = _ours(text, options.vocab)
            if options.reference and size in options.reference_sizes:
                google[size] = _google(options, text)
            after = [_ours(text, options.vocab) for _ in range(2)]
            ours[size] = sorted([before, *after], key=lambda used: used.cpu)[1]
        stream = _ours(texts[sizes[-1]], options.vocab, "--stream")
        yield f"Load after: {os.getloadavg()[0]:.0f}."
        yield from _growth(ours, stream, sizes[-1])
        yield from _ratios(ours, google)
        yield from _tokenizers(texts[sizes[0]], options.vocab)
        yield from _wikipedia(stream.cpu / sizes[-1])
    if options.dump:
        yield from _extract(options.dump)


def _text(source: Path, size: float, directory: Path) -> Path:
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


def _growth(ours: dict[float, Used], stream: Used, largest: float) -> Iterator[str]:
    yield "\n| MB of text | CPU seconds | a MB | peak MB |\n|---|---|---|---|"
    for size, used in ours.items():
        yield f"| {size:g} | {used.cpu:.2f} | {used.cpu / size:.3f} | {used.memory:.0f} |"
    text = f"| {largest:g}, `--stream` | {stream.cpu:.2f} | {stream.cpu / largest:.3f} |"
    yield f"{text} {stream.memory:.0f} a process |"


def _ratios(ours: dict[float, Used], google: dict[float, Used]) -> Iterator[str]:
    if not google:
        yield "\nNot compared with google-research/bert: REFERENCE= names no checkout of it."
        return
    yield "\n| google-research/bert | CPU seconds | ours | ratio | peak MB, and ours |\n|---|---|---|---|---|"
    for size, used in google.items():
        mine = ours[size]
        ratio = f"{used.cpu:.1f} | {mine.cpu:.2f} | {used.cpu / mine.cpu:.1f}"
        yield f"| {size:g} MB | {ratio} | {used.memory:.0f}, {mine.memory:.0f} |"
    for small, large in pairwise(google):
        theirs, mine = (each[large].cpu - each[small].cpu for each in (google, ours))
        ratio = f"{theirs:.1f} | {mine:.2f} | {theirs / mine:.1f}"
        yield f"| {small:g} to {large:g} MB, start-up taken out | {ratio} | |"


def _tokenizers(text: Path, vocabulary: Path) -> Iterator[str]:
    megabytes = text.stat().st_size / 1e6
    yield "\n| tokenisation alone, one thread | MB per CPU second |\n|---|---|"
    for which in ("ours", "tokenizers"):
        line = [sys.executable, "-c", TOKENIZE, str(text), str(vocabulary), which]
        said = subprocess.run(line, env=_environment(), capture_output=True, text=True, check=True).stdout
        yield f"| {which} | {megabytes / float(said):.1f} |"


def _wikipedia(cpu: float) -> Iterator[str]:
    hours = cpu * WIKIPEDIA_MB / 3600
    yield f"\nEnglish Wikipedia ({WIKIPEDIA_MB:,} MB), worked out from that: {hours:.2f} core hours;"
    for hosts in (1, 10):
        yield f"{hosts} host(s) of 64 cores: {hours / 64 / hosts * 60:.2f} minutes of computing."


def _extract(dump: Path) -> Iterator[str]:
    yield f"\n| {dump.name} to text | CPU seconds | peak MB of a process |\n|---|---|---|"
    with tempfile.TemporaryDirectory() as out:
        alone = ["wikiextractor.WikiExtractor", str(dump), "-o", f"{out}/alone", "--json", "-q"]
        extract = ["tinybert.extract", f"--dump={dump}", f"--out={out}/text", "--allow-truncated"]
        for words in (alone, extract):
            used = _measure([sys.executable, "-m", *words])
            yield f"| {words[0]} | {used.cpu:.1f} | {used.memory:.0f} |"


if __name__ == "__main__":
    main()
