"""Learn a WordPiece vocabulary from a corpus: [PAD] [UNK] [CLS] [SEP] [MASK], characters, then longer pieces.

Equal corpora and arguments give equal bytes.
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tinybert.records.outputs import require_not_input
from tinybert.stages.artifacts import artifact, is_up_to_date, sha256_of
from tinybert.stages.options import vocabulary_size
from tinybert.stages.stage import Progress, StageError, require_one_task, run_stage, say
from tinybert.text.documents import expand_paths
from tinybert.text.lines import read_lines
from tinybert.text.tokenization import (
    CONTINUATION,
    MAX_CHARS_PER_WORD,
    SPECIAL_TOKENS,
    basic_tokens,
    words_of,
)

_SHARE_OF_CHARACTERS = 0.5  # of the vocabulary, at most: a big corpus has tens of thousands of rare ones
_FEWEST_OCCURRENCES = 2  # of a pair of pieces that is joined
_MOST_WORDS = 1_000_000  # kept before they are cut into tokens
_MOST_REPETITIONS = 10_000  # of a token in one text that the trainer is given


def main(arguments: list[str] | None = None) -> int:
    """Run the stage from the command line."""
    options = _parser().parse_args(arguments)
    require_one_task()
    corpus = expand_paths(options.corpus)
    require_not_input(options.out, "corpus", *corpus)
    made_from = {
        "arguments": {"size": options.size, "cased": options.cased},
        "corpus_sha256": [sha256_of(path) for path in corpus],
        "versions": {"tokenizers": metadata.version("tokenizers"), "unicode": unicodedata.unidata_version},
    }
    if is_up_to_date(options.out, made_from):
        say(f"{options.out} is up to date")
        return 0
    tokens = count_tokens((line for path in corpus for line in read_lines(path)), not options.cased)
    vocabulary = learn_vocabulary(tokens, options.size)
    _write(options.out, vocabulary, made_from)
    if len(vocabulary) < options.size:
        say(f"the corpus has no more pieces than {len(vocabulary)}, although --size is {options.size}")
    return 0


def count_tokens(lines: Iterable[str], lower_case: bool) -> Counter[str]:
    """How often each token (before WordPiece) occurs. Raises StageError where there is none."""
    words: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    progress = Progress()
    for number, line in enumerate(lines, 1):
        words.update(words_of(line))
        progress.report("counted the words of {} lines", number)
        if len(words) > _MOST_WORDS:
            _add_tokens(tokens, words, lower_case)
            words.clear()
    _add_tokens(tokens, words, lower_case)
    if not tokens:
        raise StageError("the corpus holds no text: no line of it has a token")
    return tokens


def _add_tokens(tokens: Counter[str], words: Counter[str], lower_case: bool) -> None:
    for word, count in words.items():
        for token in basic_tokens(word, lower_case):
            if len(token) <= MAX_CHARS_PER_WORD:  # longer ones are [UNK]
                tokens[token] += count


def learn_vocabulary(tokens: Counter[str], size: int) -> list[str]:
    """WordPiece tokens in the order of their ids, `size` at most.

    Every character of the corpus is in it where it stands (as "a", as "##a", or both), unless those fill more
    than half of it: then the rarest are left out, and words with them become [UNK].
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.trainers import WordPieceTrainer

    characters = _characters(tokens, int(size * _SHARE_OF_CHARACTERS))
    known = set(characters)
    usable = {token: count for token, count in tokens.items() if known.issuperset(_characters_of(token))}
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=_FEWEST_OCCURRENCES,
        show_progress=False,
        continuing_subword_prefix=CONTINUATION,
        # The trainer numbers characters as a hash map yields them, and the numbers decide between pairs that
        # are equally frequent (huggingface/tokenizers issue 1794). As "special tokens" they are fixed.
        special_tokens=[*SPECIAL_TOKENS, *characters],
    )
    tokenizer = Tokenizer(WordPiece(unk_token=SPECIAL_TOKENS[1]))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.train_from_iterator(_training_texts(usable), trainer)
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


def _characters(tokens: Counter[str], most: int) -> list[str]:
    """The most frequent one-character pieces, sorted."""
    counts: Counter[str] = Counter()
    for token, count in tokens.items():
        for character in _characters_of(token):
            counts[character] += count
    by_frequency = sorted(counts, key=lambda character: (-counts[character], character))
    rare = by_frequency[most:]
    if rare:
        share = sum(counts[character] for character in rare) / sum(counts.values())
        say(f"{len(rare)} rare characters ({share:.3%} of the text) are left out: they are [UNK]")
    return sorted(by_frequency[:most])


def _characters_of(token: str) -> Iterator[str]:
    yield token[0]
    for character in token[1:]:
        yield CONTINUATION + character


def _training_texts(tokens: dict[str, int]) -> Iterator[str]:
    for token, count in sorted(tokens.items()):
        for done in range(0, count, _MOST_REPETITIONS):
            yield f"{token} " * min(count - done, _MOST_REPETITIONS)


def _write(out: Path, vocabulary: list[str], made_from: dict[str, Any]) -> None:
    with artifact(out, made_from, {"tokens": len(vocabulary)}) as file:
        file.write("".join(f"{token}\n" for token in vocabulary).encode())
    say(f"{out}: {len(vocabulary)} tokens")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinybert.vocabulary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--corpus", required=True, help="text files: paths or glob patterns, separated by commas")
    add("--size", required=True, type=vocabulary_size, metavar="N", help="tokens, at most")
    add(
        "--out", required=True, type=Path, help="file to write, a token a line; <out>.json says what it is of"
    )
    add("--cased", action="store_true", help="keep case and accents (default: lower-case, strip accents)")
    return parser


if __name__ == "__main__":
    sys.exit(run_stage(main))
